internal import Video

/// What became of a DICOM file.
public struct RemuxedCine: Hashable, Sendable {
  public var frames: Int
  /// What the user should know of: no frame rate, burnt-in text.
  public var notes: [String]
}

/// Writes a DICOM file's frames as a Matroska file that holds nothing but frames, their times and
/// the calibration.
///
/// JPEG with 8 bits is copied without loss; everything else becomes grey and is coded without loss.
/// Equal files give equal bytes.
/// - Throws: `DICOMError`, `VideoError`
public func remuxDICOM(from source: String, to target: String) throws -> RemuxedCine {
  let file = try DICOMFile(path: source)
  let coding = try Coding(of: file)
  func writer(_ track: MatroskaWriter.Track) throws(VideoError) -> MatroskaWriter {
    try MatroskaWriter(
      path: target, track: track, height: file.height, width: file.width,
      framesPerSecond: file.timing.framesPerSecond, millimetresPerPixel: file.millimetresPerPixel)
  }
  let output = try writer(coding.isCopied ? .jpeg : .grey)
  for number in 0..<file.frames {
    try output.append(
      try coding.picture(of: file, number), atSeconds: file.timing.starts[number],
      lastingSeconds: file.timing.duration(of: number))
  }
  try output.finish()
  var notes: [String] = []
  if !file.timing.isStated {
    notes.append("says nothing of its frame rate; 25 frames/s are taken")
  }
  if file.hasBurntInText == true {
    notes.append(
      "says that text is burnt into its pixels, which may name the patient; "
        + "'overlays: remove' or 'fan: mask' of 'decode' takes it away")
  }
  return RemuxedCine(frames: file.frames, notes: notes)
}

/// How the pixels of a file are coded, and what turns a frame into a picture to write.
private struct Coding {
  private enum Kind {
    case native
    case runLength
    case jpeg(copied: Bool)
    case jpegLS
    case jpeg2000
  }

  private let kind: Kind
  private let decoder: PictureDecoder?

  var isCopied: Bool { if case .jpeg(copied: true) = kind { true } else { false } }

  init(of file: DICOMFile) throws {
    var codec: PictureDecoder.Codec?
    switch file.syntax {
    case .implicitLittleEndian, .explicitLittleEndian, .deflatedLittleEndian, .explicitBigEndian:
      kind = .native
    case .runLength: kind = .runLength
    case .jpegBaseline, .jpegExtended:
      // No player of JPEG knows of a palette, or of black that is white.
      let isCopied = ![.monochrome1, .palette].contains(file.format.photometric)
      kind = .jpeg(copied: isCopied)
      if !isCopied { codec = .jpeg }
    case .jpegLossless, .jpegLosslessFirstOrder:
      kind = .jpeg(copied: false)
      codec = .jpeg
    case .jpegLSLossless, .jpegLSNearLossless:
      kind = .jpegLS
      codec = .jpegLS
    case .jpeg2000Lossless, .jpeg2000:
      kind = .jpeg2000
      codec = .jpeg2000
    }
    decoder = try codec.map { codec throws(VideoError) in
      try PictureDecoder(codec, path: file.path)
    }
  }

  func picture(of file: DICOMFile, _ number: Int) throws -> [UInt8] {
    let bytes = try file.frame(number)
    let pixels = file.height * file.width
    switch kind {
    case .native: return file.format.grey(bytes, pixels: pixels, layout: file.format.layout)
    case .runLength:
      let samples = file.format.photometric.samples
      guard let planes = runLengthDecoded(bytes, samples: samples, pixels: pixels) else {
        throw DICOMError(
          code: .corrupt, path: file.path, frame: number,
          message: "breaks the rules of RLE; expected \(samples) segments of \(pixels) pixels")
      }
      return file.format.grey(planes, pixels: pixels, layout: .planes)
    case .jpeg(let isCopied):
      let stream = try jpeg(bytes, of: file, number)
      return isCopied ? stream.bytes : try decoded(stream.bytes, of: file, number)
    case .jpegLS:
      guard !JPEGStream.interleavesSamples(bytes) else {
        throw DICOMError(
          code: .unsupported, path: file.path, frame: number,
          message: "is JPEG-LS interleaved by sample, which libavcodec reads wrongly; "
            + "expected interleaving by line or none")
      }
      return try decoded(bytes, of: file, number)
    case .jpeg2000: return try decoded(bytes, of: file, number)
    }
  }

  private func jpeg(_ bytes: [UInt8], of file: DICOMFile, _ number: Int) throws -> JPEGStream {
    let stream: JPEGStream
    do {
      stream = try JPEGStream(bytes, isRGB: file.format.photometric == .rgb)
    } catch {
      throw DICOMError(
        code: error == .endsEarly ? .truncated : .corrupt, path: file.path, frame: number,
        message: error == .endsEarly
          ? "its JPEG stream ends before the picture does" : "is no JPEG stream")
    }
    guard stream.height == file.height, stream.width == file.width else {
      throw DICOMError(
        code: .corrupt, path: file.path, frame: number,
        message: "is a JPEG of \(stream.height)x\(stream.width) pixels; the file announces "
          + "\(file.height)x\(file.width)")
    }
    guard stream.precision == 8, [0, 1, 3].contains(stream.process) else {
      throw DICOMError(
        code: .unsupported, path: file.path, frame: number,
        message: "is a JPEG of \(stream.precision) bits and process \(stream.process); "
          + "expected 8 bits and baseline (0), extended (1) or lossless (3)")
    }
    return stream
  }

  private func decoded(_ bytes: [UInt8], of file: DICOMFile, _ number: Int) throws -> [UInt8] {
    guard let samples = try decoder?.decode(bytes, number: number) else { return [] }
    let wanted = file.format.photometric.samples
    guard samples.height == file.height, samples.width == file.width, samples.count == wanted else {
      throw DICOMError(
        code: .corrupt, path: file.path, frame: number,
        message:
          "decodes to \(samples.height)x\(samples.width) pixels of \(samples.count) samples; "
          + "the file announces \(file.height)x\(file.width) of \(wanted)")
    }
    return file.format.grey(
      samples.bytes, pixels: file.height * file.width, layout: .pixels)
  }
}
