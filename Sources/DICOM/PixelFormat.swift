internal import CDCMTK

/// A palette's table of one colour.
struct Palette: Hashable, Sendable {
  /// The pixel value of the first entry; values outside the table take its nearest end.
  var first: Int
  /// 8 or 16.
  var bits: Int
  var entries: [UInt16]

  /// A pixel's level, 0 to 255.
  func level(_ pixel: UInt8) -> Int {
    let entry = Int(entries[min(max(Int(pixel) - first, 0), entries.count - 1)])
    return bits == 8 ? min(entry, 255) : entry >> 8
  }
}

/// What the samples of a pixel mean, and how native samples are laid out.
public struct PixelFormat: Hashable, Sendable {
  public enum Photometric: String, Hashable, Sendable {
    /// 0 is white.
    case monochrome1 = "MONOCHROME1"
    case monochrome2 = "MONOCHROME2"
    case palette = "PALETTE COLOR"
    case rgb = "RGB"
    case ybrFull = "YBR_FULL"
    case ybrFull422 = "YBR_FULL_422"
    /// JPEG 2000's own transforms, which its decoder undoes.
    case ybrICT = "YBR_ICT"
    case ybrRCT = "YBR_RCT"

    var samples: Int {
      switch self {
      case .monochrome1, .monochrome2, .palette: 1
      case .rgb, .ybrFull, .ybrFull422, .ybrICT, .ybrRCT: 3
      }
    }
  }

  /// The order of samples.
  enum Layout {
    case pixels
    case planes
    /// Two pixels with one chroma: Y1 Y2 Cb Cr (PS3.3, C.7.6.3.1.2).
    case sharedChroma
  }

  public let photometric: Photometric
  /// Of native samples.
  let layout: Layout
  /// A pixel value's grey level, of one-sample formats.
  private let levels: [UInt8]

  init(_ info: fathom_dicom_info, palette: [Palette], path: String) throws(DICOMError) {
    let name = DICOMFile.text(info.photometric)
    func unsupported(_ message: String) -> DICOMError {
      DICOMError(code: .unsupported, path: path, message: message)
    }
    guard let photometric = Photometric(rawValue: name) else {
      throw unsupported(
        "its photometric interpretation is '\(name)'; expected MONOCHROME1, MONOCHROME2, RGB, "
          + "PALETTE COLOR, YBR_FULL, YBR_FULL_422, YBR_ICT or YBR_RCT")
    }
    guard info.bits_allocated == 8, info.bits_stored == 8, info.is_signed != 1 else {
      throw unsupported(
        "its samples have \(info.bits_stored) bits in \(info.bits_allocated)"
          + "\(info.is_signed == 1 ? ", signed" : ""); expected 8 unsigned bits in 8")
    }
    guard info.samples == photometric.samples else {
      throw DICOMError(
        code: .corrupt, path: path,
        message: "has \(info.samples) samples a pixel, where \(name) has \(photometric.samples)")
    }
    if photometric == .palette, palette.count != 3 {
      throw DICOMError(
        code: .corrupt, path: path, message: "has no palette though its pixels are PALETTE COLOR")
    }
    self.photometric = photometric
    layout =
      photometric == .ybrFull422 ? .sharedChroma : info.planar == 1 ? .planes : .pixels
    levels = (0...255).map { pixel in
      switch photometric {
      case .monochrome1: 255 - UInt8(pixel)
      case .palette:
        PixelFormat.luma(
          palette[0].level(UInt8(pixel)), palette[1].level(UInt8(pixel)),
          palette[2].level(UInt8(pixel)))
      default: UInt8(pixel)
      }
    }
  }

  /// Bytes of a native frame.
  func frameBytes(height: Int, width: Int) -> Int {
    layout == .sharedChroma ? height * width * 2 : height * width * photometric.samples
  }

  /// Grey levels, 0 black to 255 white.
  func grey(_ bytes: [UInt8], pixels: Int, layout: Layout) -> [UInt8] {
    switch photometric {
    case .monochrome1, .monochrome2, .palette: return bytes.prefix(pixels).map { levels[Int($0)] }
    case .ybrFull, .ybrFull422:
      switch layout {
      case .pixels: return (0..<pixels).map { bytes[3 * $0] }
      case .planes: return Array(bytes.prefix(pixels))
      case .sharedChroma: return (0..<pixels).map { bytes[$0 / 2 * 4 + $0 % 2] }
      }
    case .rgb, .ybrICT, .ybrRCT:
      let (next, step) = layout == .planes ? (pixels, 1) : (1, 3)
      return (0..<pixels).map { pixel in
        let at = pixel * step
        return PixelFormat.luma(Int(bytes[at]), Int(bytes[at + next]), Int(bytes[at + 2 * next]))
      }
    }
  }

  /// ITU-R BT.601, to the nearest level: what JPEG calls Y.
  static func luma(_ red: Int, _ green: Int, _ blue: Int) -> UInt8 {
    UInt8((299 * red + 587 * green + 114 * blue + 500) / 1000)
  }
}
