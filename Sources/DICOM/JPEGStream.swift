/// A JPEG stream with everything in it that is no picture left out.
///
/// Comments and application segments can hold anything, a patient's name too: all go but Adobe's,
/// which says whether colours are transformed. What follows the end of the image goes as well.
/// The coded picture is unchanged.
/// Source: ITU-T T.81, annex B.
struct JPEGStream {
  enum Problem: Error { case notJPEG, endsEarly }

  private(set) var bytes: [UInt8] = [0xFF, 0xD8]
  private(set) var height = 0
  private(set) var width = 0
  private(set) var components = 0
  /// Bits of a sample.
  private(set) var precision = 0
  /// The number of the frame header's marker: 0 baseline, 1 extended, 3 lossless.
  private(set) var process = 0
  private var isJFIF = false
  private var hasAdobe = false

  /// - Parameter isRGB: whether the data set says that the components are red, green and blue
  init(_ stream: [UInt8], isRGB: Bool) throws(Problem) {
    guard stream.starts(with: [0xFF, 0xD8]) else { throw .notJPEG }
    var place = 2
    while true {
      guard place + 1 < stream.count else { throw .endsEarly }
      guard stream[place] == 0xFF else { throw .notJPEG }
      let marker = stream[place + 1]
      if marker == 0xFF {
        place += 1
        continue
      }
      if marker == 0xD9 { break }
      guard place + 3 < stream.count else { throw .endsEarly }
      let end = place + 2 + Int(stream[place + 2]) << 8 + Int(stream[place + 3])
      guard end >= place + 4 else { throw .notJPEG }
      guard end <= stream.count else { throw .endsEarly }
      try take(marker, stream[place..<end])
      place = end
      if marker == 0xDA {
        place = JPEGStream.endOfScan(stream, from: end)
        bytes += stream[end..<place]
      }
    }
    guard height > 0, width > 0 else { throw .notJPEG }
    bytes += [0xFF, 0xD9]
    if isRGB, components == 3, !isJFIF, !hasAdobe {
      // Without a word on colours decoders take Y, Cb and Cr: transform 0 says otherwise.
      let adobe = Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0, 0]
      bytes.insert(contentsOf: [0xFF, 0xEE, 0, 14] + adobe, at: 2)
    }
  }

  /// Keeps a segment, its marker and length with it, or leaves it out.
  private mutating func take(_ marker: UInt8, _ segment: ArraySlice<UInt8>) throws(Problem) {
    let content = segment.dropFirst(4)
    switch marker {
    case 0xEE where content.starts(with: Array("Adobe".utf8)) && content.count >= 12:
      hasAdobe = true
      bytes += [0xFF, 0xEE, 0, 14] + content.prefix(12)
    case 0xE0:
      isJFIF = isJFIF || content.starts(with: Array("JFIF".utf8))
    case 0xE1...0xEF, 0xFE: break
    case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
      let header = Array(content)
      guard header.count >= 6 else { throw .notJPEG }
      process = Int(marker - 0xC0)
      precision = Int(header[0])
      height = Int(header[1]) << 8 | Int(header[2])
      width = Int(header[3]) << 8 | Int(header[4])
      components = Int(header[5])
      bytes += segment
    default: bytes += segment
    }
  }

  /// Whether the first scan of a JPEG-LS stream holds its components sample by sample.
  ///
  /// Source: ITU-T T.87, annex C.2.3: the scan header ends with NEAR, ILV and point transform.
  static func interleavesSamples(_ stream: [UInt8]) -> Bool {
    var place = 2
    while place + 3 < stream.count, stream[place] == 0xFF {
      let end = place + 2 + Int(stream[place + 2]) << 8 + Int(stream[place + 3])
      guard end <= stream.count, end >= place + 5 else { return false }
      if stream[place + 1] == 0xDA { return stream[end - 2] == 2 }
      place = end
    }
    return false
  }

  /// The place of the marker that ends the entropy-coded data, or the end of the stream.
  private static func endOfScan(_ stream: [UInt8], from start: Int) -> Int {
    stream.withUnsafeBufferPointer { stream in
      var place = start
      while place + 1 < stream.count {
        if stream[place] == 0xFF, stream[place + 1] != 0, stream[place + 1] != 0xFF,
          !(0xD0...0xD7).contains(stream[place + 1])
        {
          return place
        }
        place += 1
      }
      return stream.count
    }
  }
}
