/// Finds the fan: the part of the picture that ultrasound fills.
///
/// A pixel lives where it changes by 3 levels over time, or by 1 while it is 5 levels brighter than
/// black: so a dim far field belongs to the fan, which a codec never leaves quite still, and text
/// beside the fan does not. Of the places where most pixels live, thin ones are dropped (an opening
/// of 1 % of the shorter side), and the fan is the convex hull of the largest that is left. A clip
/// that does not move has no life to look for: there brightness alone decides.
/// - Returns: `nil` where nothing is bright or changes
public func fan(of maps: TemporalMaps) -> ConvexRegion? {
  let black = maps.black
  let moves = maps.hasMotion
  let living = BinaryMap(height: maps.height, width: maps.width) { pixel in
    let isLit = Int(maps.high[pixel]) >= black + 5
    return moves ? maps.range(pixel) >= 3 || maps.range(pixel) >= 1 && isLit : isLit
  }
  let radius = max(1, min(maps.height, maps.width) / 100)
  let places = living.byNeighbourhood(radius: radius) { set, area in 2 * set >= area }
    .eroded(radius).dilated(radius)
  // Of equally large ones, the first.
  let components = places.components()
  guard let most = components.map(\.count).max(),
    let largest = components.first(where: { $0.count == most })
  else { return nil }
  return ConvexRegion(of: largest, width: maps.width)
}
