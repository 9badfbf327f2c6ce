internal import Charts

/// One colour a method, the same in every figure.
enum MethodColours {
  private static let known: [String: Palette] = [
    "random": .grey, "pace": .orange, "rotation": .sky, "seq_sort": .green, "supervised": .blue,
  ]

  /// Known methods have colours of their own; the others take purple, vermillion and yellow in turn,
  /// then what is left, then all again.
  static func colours(of names: [String]) -> [Palette] {
    let taken = Set(names.compactMap { known[$0] })
    var free: [Palette] = [.purple, .vermillion, .yellow]
    free += Palette.allCases.filter { !free.contains($0) && !taken.contains($0) }
    var next = 0
    return names.map { name in
      if let colour = known[name] { return colour }
      defer { next += 1 }
      return free[next % free.count]
    }
  }
}
