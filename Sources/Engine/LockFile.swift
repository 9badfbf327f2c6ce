public import Pipelines
public import StageKit

/// What a complete run made of each instance and of each table's cells: the file beside a pipeline that
/// people commit, so that others can tell whether they get the same.
///
/// A section for each profile and each set of parameters, in the order of their titles; in it one line an
/// instance, in the order of their addresses. Columns stand between tabs; names hold no tab, `%XX`
/// stands for control characters.
///
///     # fathom lock 1
///     last    quick
///     [quick]
///     tool    0.1.0
///     profile quick
///     kind    kmeans  3
///     out     kmeans@method=pace  KEY  centroids=DIGEST  clusters=DIGEST
///     cell    table2  pace  silhouette  0.280 ± 0.012  0.2801  2
public struct LockFile: Hashable, Sendable {
  /// The section that was written last; empty where there is none.
  public private(set) var last = ""
  /// Sorted by title.
  public private(set) var sections: [LockSection] = []

  public init() {}

  public func section(_ title: String) -> LockSection? { sections.first { $0.title == title } }

  /// Takes the place of the section of the same title.
  public mutating func put(_ section: LockSection) {
    sections.removeAll { $0.title == section.title }
    sections.append(section)
    sections.sort { $0.title < $1.title }
    last = section.title
  }

  private static let header = "# fathom lock 1"

  private static func beginning(last: String) -> String {
    """
    \(LockFile.header)
    # What complete runs made of each instance and cell; written by 'fathom run', to be committed.
    # 'fathom reproduce TAG' compares with it.
    last\t\(PercentCode.encode(last))

    """
  }

  public var text: String {
    LockFile.beginning(last: last) + sections.map(\.text).joined()
  }

  /// Whether a file says already what a run made, without reading all of it: a run that had nothing to
  /// do asks this alone.
  public static func says(
    _ bytes: [UInt8], that run: LockSection
  ) -> Bool {
    let wanted = Array((run.head.joined(separator: "\n") + "\n").utf8)
    guard bytes.starts(with: LockFile.beginning(last: run.title).utf8) else { return false }
    let newline = UInt8(ascii: "\n")
    return bytes.indices.contains { place in
      bytes[place] == wanted[0] && (place == 0 || bytes[place - 1] == newline)
        && bytes[place...].starts(with: wanted)
    }
  }

  /// Reads what `text` wrote.
  ///
  /// - Parameter path: for errors
  /// - Throws: `Diagnostic` naming the line
  public init(text: String, path: String) throws(Diagnostic) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    func problem(_ line: Int, _ message: String) -> Diagnostic {
      Diagnostic(
        .damagedLock, "\(message); run the pipeline again to write it anew",
        at: SourcePosition(path: path, line: line + 1, column: 1))
    }
    guard lines.first.map(String.init) == LockFile.header else {
      throw problem(0, "this is no lock file: expected '\(LockFile.header)'")
    }
    for (number, line) in lines.enumerated() where !line.isEmpty && !line.hasPrefix("#") {
      if ["<<<<<<<", "=======", ">>>>>>>"].contains(where: line.hasPrefix) {
        throw problem(number, "two versions of the lock were merged here, and neither was chosen")
      }
      if line.hasPrefix("["), line.hasSuffix("]") {
        let title = PercentCode.decode(String(line.dropFirst().dropLast()))
        guard section(title) == nil else {
          throw problem(number, "section '\(title)' is there twice")
        }
        sections.append(LockSection(title: title))
        continue
      }
      let cells = line.split(separator: "\t", omittingEmptySubsequences: false)
        .map { PercentCode.decode(String($0)) }
      if cells[0] == "last", cells.count == 2, sections.isEmpty {
        last = cells[1]
      } else if sections.isEmpty || !sections[sections.count - 1].read(cells) {
        throw problem(
          number,
          "expected 'tool', 'profile', 'set', 'kind', 'out' or 'cell' and its columns in a [section]"
        )
      }
    }
    guard sections.isEmpty || section(last) != nil else {
      throw problem(0, "'last' names section '\(last)', which is not there")
    }
  }
}

/// What one complete run made.
public struct LockSection: Hashable, Sendable {
  public struct Output: Hashable, Sendable {
    public var port: String
    public var digest: Digest
  }

  public struct Instance: Hashable, Sendable {
    public var address: String
    public var key: Digest
    public var outputs: [Output]
  }

  public struct Cell: Hashable, Sendable {
    public var table: String
    public var row: String
    public var column: String
    public var text: String
    /// `nil` where the cell has no number.
    public var value: Double?
    public var n: Int

    public var name: String { "\(table):\(row):\(column)" }
  }

  public let title: String
  /// What the run was given: `--profile`, in order, and `-S`.
  public private(set) var profiles: [String] = []
  public private(set) var sets: [String] = []
  /// The version of fathom.
  public private(set) var tool = ""
  /// Kind → version, of all kinds in use.
  public private(set) var kinds: [String: Int] = [:]
  /// Sorted by address.
  public private(set) var instances: [Instance] = []
  /// By table, as the tables have them.
  public private(set) var cells: [Cell] = []

  fileprivate init(title: String) { self.title = title }

  /// What a run made, without its tables' cells.
  ///
  /// - Parameters:
  ///   - profiles, sets: what the run was given
  ///   - records: results by index of the plan's instances; instances without one are left out
  public init(
    profiles: [String], sets: [String], tool: String, plan: Plan, records: [Int: ActionRecord]
  ) {
    title = LockSection.title(profiles: profiles, sets: sets)
    (self.profiles, self.sets, self.tool) = (profiles, sets, tool)
    for (index, record) in records {
      let instance = plan.instances[index]
      if case .kind(let kind, let version, _) = instance.work { kinds[kind] = version }
      instances.append(
        Instance(
          address: instance.address, key: record.key,
          outputs: record.outputs.map { Output(port: $0.port, digest: $0.artifact.digest) }))
    }
    instances.sort { $0.address < $1.address }
  }

  /// Reads the tables' cells.
  ///
  /// - Throws: `Failure` where a table's cells cannot be read; `EnvironmentError` of the store
  public mutating func readCells(
    _ plan: Plan, _ records: [Int: ActionRecord], in store: any ArtifactStore
  ) throws {
    for (index, record) in records.sorted(by: {
      plan.instances[$0.key].address < plan.instances[$1.key].address
    }) {
      let found = try TableCell.read(
        record.outputs.map(\.artifact), of: plan.instances[index], in: store)
      cells += found.map {
        Cell(
          table: $0.table, row: $0.row, column: $0.column, text: $0.text, value: $0.value, n: $0.n)
      }
    }
  }

  /// `default`, `quick`, `quick -S seeds=[0]`.
  public static func title(profiles: [String], sets: [String]) -> String {
    ([profiles.isEmpty ? "default" : profiles.joined(separator: "+")]
      + sets.sorted().map { "-S \($0)" }).joined(separator: " ")
  }

  /// All but the cells, which follow from the outputs.
  fileprivate var head: [String] {
    var lines = ["[\(PercentCode.encode(title))]", "tool\t\(PercentCode.encode(tool))"]
    func add(_ cells: [String]) {
      lines.append(cells.map(PercentCode.encode).joined(separator: "\t"))
    }
    for profile in profiles { add(["profile", profile]) }
    for set in sets { add(["set", set]) }
    for (kind, version) in kinds.sorted(by: { $0.key < $1.key }) {
      add(["kind", kind, "\(version)"])
    }
    for instance in instances {
      add(
        ["out", instance.address, instance.key.hex]
          + instance.outputs.map { "\($0.port)=\($0.digest.hex)" })
    }
    return lines
  }

  fileprivate var text: String {
    var lines = head
    func add(_ cells: [String]) {
      lines.append(cells.map(PercentCode.encode).joined(separator: "\t"))
    }
    for cell in cells {
      add([
        "cell", cell.table, cell.row, cell.column, cell.text, cell.value.map { "\($0)" } ?? "",
        "\(cell.n)",
      ])
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Takes a line of `text`, cut into its columns; `false` where it is none.
  fileprivate mutating func read(_ columns: [String]) -> Bool {
    switch (columns[0], columns.count) {
    case ("tool", 2): tool = columns[1]
    case ("profile", 2): profiles.append(columns[1])
    case ("set", 2): sets.append(columns[1])
    case ("kind", 3):
      guard let version = Int(columns[2]) else { return false }
      kinds[columns[1]] = version
    case ("out", 3...):
      guard let key = Digest(hex: columns[2]) else { return false }
      var outputs: [Output] = []
      for text in columns.dropFirst(3) {
        guard let sign = text.lastIndex(of: "="),
          let digest = Digest(hex: String(text[text.index(after: sign)...]))
        else { return false }
        outputs.append(Output(port: String(text[..<sign]), digest: digest))
      }
      instances.append(Instance(address: columns[1], key: key, outputs: outputs))
    case ("cell", 7):
      guard let n = Int(columns[6]), columns[5].isEmpty || Double(columns[5]) != nil else {
        return false
      }
      cells.append(
        Cell(
          table: columns[1], row: columns[2], column: columns[3], text: columns[4],
          value: Double(columns[5]), n: n))
    default: return false
    }
    return true
  }
}
