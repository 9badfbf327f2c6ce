/// Which fragments of encapsulated pixel data make up each frame, in order.
///
/// - Parameters:
///   - sizes: bytes of each fragment, without the item's tag and length
///   - offsets: of each frame's first item from the first fragment's item; empty where the table is
///   - startsFrame: whether a fragment begins a stream
/// - Returns: `nil` where the fragments cannot be told apart as so many frames
/// Source: DICOM PS3.5, section A.4.
func framesOfFragments(
  _ sizes: [Int], offsets: [UInt64], frames: Int, startsFrame: (Int) -> Bool
) -> [Range<Int>]? {
  if frames == 1 { return [0..<sizes.count] }
  if sizes.count == frames { return sizes.indices.map { $0..<$0 + 1 } }
  guard sizes.count > frames else { return nil }
  let starts =
    firstFragments(sizes, offsets: offsets, frames: frames)
    ?? sizes.indices.filter(startsFrame)
  guard starts.count == frames, starts.first == 0 else { return nil }
  return zip(starts, starts.dropFirst() + [sizes.count]).map { $0..<$1 }
}

/// The fragments at which a table of offsets points; `nil` where it points between fragments.
private func firstFragments(_ sizes: [Int], offsets: [UInt64], frames: Int) -> [Int]? {
  guard offsets.count == frames, offsets.first == 0 else { return nil }
  var starts: [Int] = []
  var place: UInt64 = 0
  for (fragment, size) in sizes.enumerated() {
    if starts.count < frames, offsets[starts.count] == place { starts.append(fragment) }
    place += 8 + UInt64(size)
  }
  return starts.count == frames ? starts : nil
}

/// Whether bytes begin a JPEG or JPEG-LS stream (SOI) or a JPEG 2000 codestream (SOC).
func startsStream(_ bytes: [UInt8]) -> Bool {
  bytes.starts(with: [0xFF, 0xD8, 0xFF]) || bytes.starts(with: [0xFF, 0x4F, 0xFF, 0x51])
}
