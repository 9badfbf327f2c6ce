internal import CSimulation
internal import Foundation

/// Where the probe's grid lies in the picture: the scan conversion, as a table made once.
struct Fan: Sendable {
  let height: Int
  let width: Int
  /// mm a pixel, both ways.
  let pixel: Double
  private let top: Double
  private let pixels: [Int32]
  private let cells: [Int32]
  private let down: [Float]
  private let across: [Float]

  init(_ probe: Probe, height: Int, width: Int) {
    self.height = height
    self.width = width
    let widest = 2 * (Probe.radius + probe.depth) * sin(Probe.field / 2)
    // The outer lines begin above the middle one.
    let rise = Probe.radius * (1 - cos(Probe.field / 2))
    pixel = 1.03 * max(widest / Double(width), (probe.depth + rise) / Double(height))
    top = -rise - (Double(height) * pixel - probe.depth - rise) / 2
    var (pixels, cells): ([Int32], [Int32]) = ([], [])
    var (down, across): ([Float], [Float]) = ([], [])
    let (spacing, pitch) = (probe.spacing, probe.pitch)
    for row in 0..<height {
      let z = (Double(row) + 0.5) * pixel + top
      for column in 0..<width {
        let x = (Double(column) + 0.5 - Double(width) / 2) * pixel
        let i = (hypot(x, z + Probe.radius) - Probe.radius) / spacing - 0.5
        let j = (atan2(x, z + Probe.radius) + Probe.field / 2) / pitch - 0.5
        guard i >= 0, j >= 0, i < Double(probe.samples - 1), j < Double(probe.lines - 1) else {
          continue
        }
        pixels.append(Int32(row * width + column))
        cells.append(Int32(Int(i) * probe.lines + Int(j)))
        down.append(Float(i - Double(Int(i))))
        across.append(Float(j - Double(Int(j))))
      }
    }
    (self.pixels, self.cells, self.down, self.across) = (pixels, cells, down, across)
  }

  /// A place in mm as shares of the picture's width and height.
  func share(x: Double, z: Double) -> (x: Double, y: Double) {
    (x / pixel / Double(width) + 0.5, (z - top) / pixel / Double(height))
  }

  /// The picture of grey values `[samples, lines]` in 0 to 1; black outside the fan.
  func convert(_ grey: [Float], lines: Int) -> [UInt8] {
    var picture = [UInt8](repeating: 0, count: height * width)
    csim_convert(
      Int32(lines), Int32(pixels.count), pixels, cells, down, across, grey, &picture)
    return picture
  }

  /// How many pixels lie in the fan.
  var count: Int { pixels.count }
}
