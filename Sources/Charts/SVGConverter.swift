/// Makes PDF and PNG of an SVG, by librsvg: fonts and lines stay lines in the PDF.
public enum SVGConverter {
  private static let program = Program(
    name: "rsvg-convert", purpose: "PDF and PNG are made by", package: "librsvg2-bin")

  /// Of the PNG.
  public static let dotsPerInch = 300

  /// Fails where it is not there.
  ///
  /// - Throws: `ChartError` that says what to install
  public static func require() throws(ChartError) { try program.require() }

  /// One page as large as the picture, 96 of its pixels an inch.
  ///
  /// Equal pictures give equal bytes, on one version of librsvg: the file says that it was made in
  /// 1970.
  /// - Throws: `ChartError` with the program's own words, or where it is not on `PATH`
  public static func writePDF(of svg: String, to path: String) throws(ChartError) {
    try program.run(["--format", "pdf", svg], output: path)
  }

  /// At 300 dots an inch.
  ///
  /// - Throws: as `writePDF`
  public static func writePNG(of svg: String, to path: String) throws(ChartError) {
    let zoom = Double(dotsPerInch) / 96
    try program.run(["--format", "png", "--zoom", "\(zoom)", svg], output: path)
  }
}
