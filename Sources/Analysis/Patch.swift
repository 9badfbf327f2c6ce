/// The patch of a frame `[height, width]` around a place, flattened, with mean 0 and (population)
/// standard deviation 1; all zeros where the patch is of one value.
///
/// - Parameters:
///   - centre: in pixels, where a pixel's centre has its whole-numbered row and column; the patch
///     lies on the pixels nearest to it, half a pixel counting upwards
///   - patch: its height and width; pixels outside the frame repeat its border
public func normalisedPatch(
  of frame: UnsafeBufferPointer<UInt8>, height: Int, width: Int, centre: (y: Double, x: Double),
  patch: (height: Int, width: Int)
) -> [Float] {
  precondition(
    frame.count == height * width && height > 0 && width > 0,
    "\(frame.count) pixels in [\(height), \(width)]")
  let top = Int((centre.y - Double(patch.height - 1) / 2 + 0.5).rounded(.down))
  let left = Int((centre.x - Double(patch.width - 1) / 2 + 0.5).rounded(.down))
  var pixels: [Int] = []
  pixels.reserveCapacity(patch.height * patch.width)
  var sum = 0
  var squares = 0
  for y in top..<top + patch.height {
    let line = min(max(y, 0), height - 1) * width
    for x in left..<left + patch.width {
      let pixel = Int(frame[line + min(max(x, 0), width - 1)])
      pixels.append(pixel)
      sum += pixel
      squares += pixel * pixel
    }
  }
  // Exact in integers: n² times the variance.
  let variance = pixels.count * squares - sum * sum
  guard variance > 0 else { return [Float](repeating: 0, count: pixels.count) }
  let mean = Double(sum) / Double(pixels.count)
  let deviation = Double(variance).squareRoot() / Double(pixels.count)
  return pixels.map { Float((Double($0) - mean) / deviation) }
}
