internal import Analysis
internal import StageKit

/// The pictures of all items, compared by digest across the sides of a split.
struct SplitPictures {
  /// Item → frames; empty where no frames are given.
  let counts: [String: Int]

  private struct Picture: Sendable {
    var digest: Digest
    /// Of the video as it came.
    var frame: Int
  }

  private struct Leak {
    var items: [String]
    var frames: [Int]
    var pictures: Int
  }

  /// Looks for pictures that two sides share.
  ///
  /// - Throws: `StageFailure` naming the items and frames of the first five pairs of items
  init(_ input: Input, of roles: RolesFile, in context: StageContext) throws {
    let entries = try context.entries(input)
    let sides = Dictionary(uniqueKeysWithValues: roles.entries.map { ($0.item, $0) })
    if let stray = entries.first(where: { sides[$0.id] == nil }) {
      throw StageFailure(
        "'\(input.name)' hold '\(stray.id)', which has no entry in 'labels'; expected the same items"
      )
    }
    var counts: [String: Int] = [:]
    var first: [Digest: (entry: Int, frame: Int)] = [:]
    var leaks: [[Int]: Leak] = [:]
    // So many at once: enough to keep processors busy, few enough to be held.
    let batch = max(1, context.cpus)
    for start in stride(from: 0, to: entries.count, by: batch) {
      let range = start..<min(entries.count, start + batch)
      let found = mapChunks(of: range.count, size: 1, threads: context.cpus) { chunk in
        Result { try SplitPictures.read(entries[range.lowerBound + chunk.lowerBound].path) }
      }
      for (index, result) in zip(range, found) {
        let (count, pictures) = try result.get()
        let (item, own) = (entries[index].id, sides[entries[index].id])
        counts[item] = count
        for picture in pictures where own?.role != nil {
          guard let other = first[picture.digest] else {
            first[picture.digest] = (index, picture.frame)
            continue
          }
          let otherItem = entries[other.entry].id
          let otherSide = sides[otherItem]
          guard own?.role != otherSide?.role || own?.fold != otherSide?.fold else { continue }
          leaks[
            [other.entry, index],
            default: Leak(
              items: [otherItem, item], frames: [other.frame, picture.frame], pictures: 0)
          ].pictures += 1
        }
        context.progress(index + 1, of: entries.count, unit: "items")
      }
    }
    self.counts = counts
    let found = leaks.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value)
    guard found.isEmpty else { throw SplitPictures.failure(found, sides) }
  }

  private static func read(_ path: String) throws -> (count: Int, pictures: [Picture]) {
    let set = try FrameSet(path: path)
    let pictures = (0..<set.count).compactMap { frame in
      set.frames.withRow(frame) { pixels -> Picture? in
        guard pixels.contains(where: { $0 != pixels[0] }) else { return nil }
        return Picture(digest: Digest(of: pixels), frame: set.sourceFrames[frame])
      }
    }
    return (set.count, pictures)
  }

  private static func failure(
    _ leaks: [Leak], _ sides: [String: RolesFile.Entry]
  ) -> StageFailure {
    func name(_ leak: Leak, _ place: Int) -> String {
      let item = leak.items[place]
      let side = sides[item]
      return "frame \(leak.frames[place]) of '\(item)' (group '\(side?.group ?? "")', "
        + "\(side?.side ?? ""))"
    }
    let shown = leaks.prefix(5).map { leak in
      "\(name(leak, 0)) equals \(name(leak, 1))"
        + (leak.pictures > 1 ? ", and \(leak.pictures - 1) more" : "")
    }
    let rest = leaks.count > 5 ? "; and \(leaks.count - 5) more pairs of items" : ""
    return StageFailure(
      "the split leaks: \(shown.joined(separator: "; "))\(rest); give these items the same group, "
        + "or leave one of them out")
  }
}
