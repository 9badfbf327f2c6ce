internal import Foundation

/// What is wrong with a chart, or with the program that draws it.
public struct ChartError: Error, Hashable, Sendable, CustomStringConvertible {
  public var message: String

  public init(_ message: String) { self.message = message }

  public var description: String { message }
}

/// The program that draws charts: it does axes, tics and text well.
public enum Gnuplot {
  private static let program = Program(
    name: "gnuplot", purpose: "charts are drawn by", package: "gnuplot-nox")

  /// Fails where it is not there, for whoever wants to know before hours of work.
  ///
  /// - Throws: `ChartError` that says what to install
  public static func require() throws(ChartError) { try program.require() }

  /// How error bars are drawn, of data `x y dx dy`.
  ///
  /// An arrow with two flat heads: gnuplot's own error bars have a white ground.
  static let errorBar = "vectors heads size graph 0.015,90 linewidth 1.5"

  /// Runs a script; what it prints, a picture, becomes the file.
  ///
  /// Neither the user's settings nor the environment reach it.
  /// - Parameter path: of the picture, beside which the script lies while it is drawn
  /// - Throws: `ChartError` with gnuplot's own words, or where it is not on `PATH`
  static func draw(_ script: String, to path: String) throws(ChartError) {
    let source = "\(path).gnuplot"
    defer { try? FileManager.default.removeItem(atPath: source) }
    do { try script.write(toFile: source, atomically: false, encoding: .utf8) } catch {
      throw ChartError("the chart '\(path)' cannot be written: \(error.localizedDescription)")
    }
    try program.run(["-d", source], output: path)
  }
}
