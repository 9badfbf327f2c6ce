/// Unpacks a frame of RLE Lossless pixel data.
///
/// - Parameters:
///   - frame: a header of 16 words, then a PackBits segment for each sample of 8 bits
///   - samples: samples a pixel
///   - pixels: pixels a frame
/// - Returns: the samples plane by plane, or `nil` where the frame breaks the rules
/// Source: DICOM PS3.5, annex G.
func runLengthDecoded(_ frame: [UInt8], samples: Int, pixels: Int) -> [UInt8]? {
  func word(_ index: Int) -> Int {
    (0..<4).reduce(0) { $0 | Int(frame[4 * index + $1]) << (8 * $1) }
  }
  guard frame.count > 64, word(0) == samples else { return nil }
  var planes: [UInt8] = []
  planes.reserveCapacity(samples * pixels)
  for segment in 0..<samples {
    let start = word(1 + segment)
    let end = segment + 1 < samples ? word(2 + segment) : frame.count
    guard start >= 64, start <= end, end <= frame.count else { return nil }
    let whole = planes.count + pixels
    var place = start
    while planes.count < whole {
      guard place < end else { return nil }
      let control = Int(frame[place])
      place += 1
      if control < 128 {
        guard place + control < end else { return nil }
        planes += frame[place...place + control]
        place += control + 1
      } else if control > 128 {
        guard place < end else { return nil }
        planes += repeatElement(frame[place], count: 257 - control)
        place += 1
      }
    }
    // A segment of an odd number of bytes may be padded within its last run.
    planes.removeSubrange(whole...)
  }
  return planes
}
