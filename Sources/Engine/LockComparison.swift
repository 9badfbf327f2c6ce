public import StageKit

/// How what was made differs from what a lock says.
public struct LockComparison: Sendable {
  public enum Verdict: Hashable, Sendable {
    case identical
    /// Cells differ by no more than what was allowed; by how much at most.
    case within(Double)
    /// The first difference.
    case different(String)

    public var name: String {
      switch self {
      case .identical: "identical"
      case .within: "within tolerance"
      case .different: "different"
      }
    }
  }

  public struct TableVerdict: Hashable, Sendable {
    public var table: String
    public var cells: Int
    public var verdict: Verdict
  }

  public struct OutputDifference: Hashable, Sendable {
    public var instance: String
    /// `nil` where the action's key differs: other options, files or versions.
    public var port: String?
    public var expected: Digest?
    public var actual: Digest?
  }

  /// Sorted by name.
  public let tables: [TableVerdict]
  /// In the order of instances.
  public let differences: [OutputDifference]
  /// How many instances were compared.
  public let instances: Int

  /// - Parameters:
  ///   - locked: what is expected
  ///   - made: what came out
  ///   - addresses: instances that are compared
  ///   - tolerance: largest relative difference of a cell's value, of magnitudes below 1 absolute; 0
  ///     wants texts to be the same too
  public init(
    _ locked: LockSection, with made: LockSection, of addresses: Set<String>, tolerance: Double
  ) {
    var differences: [OutputDifference] = []
    var found: [String: LockSection.Instance] = [:]
    for instance in made.instances where addresses.contains(instance.address) {
      found[instance.address] = instance
    }
    for expected in locked.instances where addresses.contains(expected.address) {
      guard let actual = found.removeValue(forKey: expected.address) else {
        differences.append(
          .init(instance: expected.address, port: nil, expected: expected.key, actual: nil))
        continue
      }
      if actual.key != expected.key {
        differences.append(
          .init(
            instance: expected.address, port: nil, expected: expected.key, actual: actual.key))
      }
      let digests = { (outputs: [LockSection.Output]) in
        Dictionary(outputs.map { ($0.port, $0.digest) }) { first, _ in first }
      }
      let (old, new) = (digests(expected.outputs), digests(actual.outputs))
      for port in Set(old.keys).union(new.keys).sorted() where old[port] != new[port] {
        differences.append(
          .init(instance: expected.address, port: port, expected: old[port], actual: new[port]))
      }
    }
    for instance in found.values.sorted(by: { $0.address < $1.address }) {
      differences.append(
        .init(instance: instance.address, port: nil, expected: nil, actual: instance.key))
    }
    self.differences = differences
    instances = addresses.count
    func cells(_ section: LockSection) -> [String: [LockSection.Cell]] {
      Dictionary(grouping: section.cells.filter { addresses.contains($0.table) }, by: \.table)
    }
    let (old, new) = (cells(locked), cells(made))
    tables = Set(old.keys).union(new.keys).sorted().map { table in
      let expected = old[table] ?? []
      return TableVerdict(
        table: table, cells: expected.count,
        verdict: LockComparison.verdict(expected, new[table] ?? [], tolerance))
    }
  }

  /// Whether every table is what it was, to the tolerance, and, without any, every output too.
  public func holds(tolerance: Double) -> Bool {
    let tablesHold = tables.allSatisfy {
      if case .different = $0.verdict { false } else { true }
    }
    return tablesHold && (differences.isEmpty || (tolerance > 0 && !tables.isEmpty))
  }

  private static func verdict(
    _ expected: [LockSection.Cell], _ actual: [LockSection.Cell], _ tolerance: Double
  ) -> Verdict {
    func name(_ cell: LockSection.Cell) -> String { "\(cell.row):\(cell.column)" }
    var largest = 0.0
    for (old, new) in zip(expected, actual) {
      guard name(old) == name(new) else {
        return .different("has the cell \(name(new)) where \(name(old)) was")
      }
      guard old != new else { continue }
      let change = "\(name(old)) is \(new.text), was \(old.text)"
      guard let before = old.value, let after = new.value, old.n == new.n else {
        return .different(change)
      }
      let difference = abs(after - before) / max(1, abs(before))
      guard tolerance > 0, difference <= tolerance else {
        return .different(old.text == new.text ? "\(change) (\(after), was \(before))" : change)
      }
      largest = max(largest, difference)
    }
    if expected.count != actual.count {
      return .different("has \(actual.count) cells, had \(expected.count)")
    }
    return expected == actual ? .identical : .within(largest)
  }
}
