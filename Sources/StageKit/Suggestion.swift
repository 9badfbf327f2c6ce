/// "Did you mean": the nearest of the names that would have been right.
public enum Suggestion {
  /// The nearest candidate within a third of the longer name's length, ties by order given.
  ///
  /// Distance: Damerau-Levenshtein with adjacent transpositions (optimal string alignment).
  public static func nearest(to name: String, among candidates: some Sequence<String>) -> String? {
    var best: (name: String, distance: Int)?
    let wanted = Array(name.lowercased().unicodeScalars)
    for candidate in candidates {
      let other = Array(candidate.lowercased().unicodeScalars)
      let limit = max(1, max(wanted.count, other.count) / 3)
      guard abs(wanted.count - other.count) <= limit else { continue }
      let distance = distance(wanted, other)
      if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.name
  }

  /// `"; did you mean 'epochs'?"`, or `"; expected one of a, b"` where nothing is near.
  public static func clause(for name: String, among candidates: some Collection<String>) -> String {
    if let nearest = nearest(to: name, among: candidates) { return "; did you mean '\(nearest)'?" }
    guard !candidates.isEmpty else { return "" }
    let shown = candidates.prefix(12).joined(separator: ", ")
    return "; expected one of \(shown)\(candidates.count > 12 ? ", …" : "")"
  }

  private static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in 1...a.count {
      var row = [i] + Array(repeating: 0, count: b.count)
      for j in 1...b.count {
        row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
          row[j] = min(row[j], beforeLast[j - 2] + 1)
        }
      }
      beforeLast = last
      last = row
    }
    return last[b.count]
  }
}
