/// Where in one block of memory each tensor of a program lies: tensors whose times do not overlap
/// share it.
///
/// Largest first, each at the lowest place where it meets none of its time. Source: Pisarchyk &
/// Lee, "Efficient memory management for deep neural net inference" (2020), section 4.2.
struct ArenaPlan {
  private(set) var byteCount = 0
  /// Records that copy a slot to itself.
  private(set) var isSkipped: [Bool]
  private var offsets: [Int: Int] = [:]
  private var owner: [Int]

  private struct Life {
    var slot: Int
    var first: Int
    var last: Int
    var byteCount: Int
  }

  init(_ program: Program) {
    isSkipped = Array(repeating: false, count: program.records.count)
    owner = Array(0..<program.slots.count)
    var lives = ArenaPlan.lives(of: program)
    shareInPlace(program, &lives)
    place(lives.compactMap { $0 })
  }

  func offset(of slot: Int) -> Int { offsets[root(slot)] ?? 0 }

  private func root(_ slot: Int) -> Int {
    var slot = slot
    while owner[slot] != slot { slot = owner[slot] }
    return slot
  }

  /// From the first record that touches a slot to the last; `nil` for slots with memory of their own.
  private static func lives(of program: Program) -> [Life?] {
    var lives = [Life?](repeating: nil, count: program.slots.count)
    for (index, record) in program.records.enumerated() {
      for tensor in record.arguments.values {
        let slot = program.infos[tensor.index].slot
        guard program.slots[slot].fixed == nil else { continue }
        let byteCount = program.slots[slot].byteCount
        lives[slot, default: Life(slot: slot, first: index, last: index, byteCount: byteCount)]
          .last = index
      }
    }
    return lives
  }

  /// Lets a result lie where its source lay, when nobody reads the source again.
  private mutating func shareInPlace(_ program: Program, _ lives: inout [Life?]) {
    for (index, record) in program.records.enumerated() {
      guard let (sourceRole, destinationRole) = record.operation.inPlace,
        let source = record.arguments[sourceRole], let result = record.arguments[destinationRole]
      else { continue }
      let from = root(program.infos[source.index].slot)
      let to = root(program.infos[result.index].slot)
      let isReadElsewhere = record.arguments.contains { role, tensor in
        role != sourceRole && role != destinationRole
          && root(program.infos[tensor.index].slot) == from
      }
      guard from != to, !isReadElsewhere, let old = lives[from], let new = lives[to],
        old.last == index, new.first == index, old.byteCount == new.byteCount
      else { continue }
      owner[to] = from
      lives[from]?.last = new.last
      lives[to] = nil
      if case .sum(.keep) = record.operation, record.arguments[.source1] == nil {
        isSkipped[index] = true
      }
    }
  }

  private mutating func place(_ lives: [Life]) {
    // Large pages and vectors start at multiples of 64.
    let sorted = lives.sorted { ($1.byteCount, $0.slot) < ($0.byteCount, $1.slot) }
    var placed: [(range: Range<Int>, life: Life)] = []
    for life in sorted {
      let size = (max(life.byteCount, 1) + 63) / 64 * 64
      let busy = placed.filter { $0.life.first <= life.last && life.first <= $0.life.last }
        .map(\.range).sorted { $0.lowerBound < $1.lowerBound }
      var start = 0
      for range in busy {
        if range.lowerBound - start >= size { break }
        start = max(start, range.upperBound)
      }
      placed.append((start..<start + size, life))
      offsets[life.slot] = start
      byteCount = max(byteCount, start + size)
    }
  }
}

extension Array {
  /// An optional element, set to a value first where it is `nil`.
  fileprivate subscript<Wrapped>(index: Int, default value: Wrapped) -> Wrapped
  where Element == Wrapped? {
    get { self[index] ?? value }
    set { self[index] = newValue }
  }
}
