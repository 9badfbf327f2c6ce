import Pipelines
public import StageKit

/// The items of an `each:` stage: what each reads, and what is known of its result.
public struct ItemSet: Sendable {
  /// Key columns, such as `["item"]`.
  public let columns: [String]
  /// One key for each item, sorted.
  public let itemKeys: [[String]]
  /// The action key of each item.
  public let keys: [Digest]
  /// The `each:` action without its items.
  public let base: Digest
  /// The ports that are mapped over, in the order of `each:`.
  public let ports: [String]
  /// How many output ports the stage has.
  public let outputCount: Int
  private var done: [Bool]
  private let inputs: [[Artifact]]
  private var outputs: [Artifact?]
  private let indexByKey: [Digest: Int]
  private var knownItems: Set<String> = []

  /// - Throws: `Diagnostic` where a port lacks an id that the first one has, all of them listed.
  init(
    instance: Instance, base: Digest, key: ActionKey, inputs: [Assessor.ResolvedInput],
    skipped: Set<String>
  ) throws {
    var collections: [(binding: InputBinding, collection: Collection)] = []
    for port in instance.each {
      guard let input = inputs.first(where: { $0.binding.port == port }),
        case .many(let collection) = input.content
      else {
        throw Diagnostic(
          .portCount, "each: '\(port)' is connected to one artifact, not to a collection",
          at: instance.position)
      }
      collections.append((input.binding, collection))
    }
    let first = collections[0].collection
    var perPort: [[Artifact]] = [first.entries.map(\.artifact)]
    var kept = Array(first.entries.indices)
    for (binding, other) in collections.dropFirst() {
      var byKey: [[String]: Artifact] = [:]
      byKey.reserveCapacity(other.entries.count)
      for entry in other.entries { byKey[entry.key] = entry.artifact }
      let missing = kept.filter { byKey[first.entries[$0].key] == nil }
      let lost = missing.map { Collection.display(first.entries[$0].key, columns: first.columns) }
        .filter { !skipped.contains($0) }
      guard lost.isEmpty else {
        let shown = lost.prefix(10).joined(separator: ", ") + (lost.count > 10 ? ", …" : "")
        throw Diagnostic(
          .missingInput,
          "port '\(binding.port)' lacks \(lost.count) of the items that '\(instance.each[0])' has: \(shown)",
          at: binding.position)
      }
      if !missing.isEmpty {
        let gone = Set(missing)
        kept.removeAll { gone.contains($0) }
      }
      perPort.append(first.entries.map { byKey[$0.key] ?? $0.artifact })
    }
    columns = first.columns
    ports = instance.each
    self.base = base
    outputCount = instance.outputs.count
    let itemKeys = kept.map { first.entries[$0].key }
    let itemInputs = perPort.map { artifacts in kept.map { artifacts[$0] } }
    let ports = ports
    let columns = columns
    let keys = itemKeys.indices.map { index in
      key.itemKey(
        base: base, item: Collection.display(itemKeys[index], columns: columns),
        inputs: ports.indices.map { (ports[$0], itemInputs[$0][index].digest) })
    }
    var indexByKey: [Digest: Int] = [:]
    indexByKey.reserveCapacity(keys.count)
    for (index, key) in keys.enumerated() { indexByKey[key] = index }
    self.itemKeys = itemKeys
    self.inputs = itemInputs
    self.keys = keys
    self.indexByKey = indexByKey
    done = Array(repeating: false, count: itemKeys.count)
    outputs = Array(repeating: nil, count: itemKeys.count * outputCount)
  }

  public var count: Int { itemKeys.count }

  /// Items without a result, in order.
  public var pending: [Int] { itemKeys.indices.filter { !done[$0] } }

  public func id(_ index: Int) -> String { Collection.display(itemKeys[index], columns: columns) }

  public func index(of key: Digest) -> Int? { indexByKey[key] }

  /// The item as a unit takes it.
  func unitItem(_ index: Int) -> Unit.Item {
    var artifacts: [String: Artifact] = [:]
    for (place, port) in ports.enumerated() { artifacts[port] = inputs[place][index] }
    return Unit.Item(index: index, id: id(index), key: keys[index], inputs: artifacts)
  }

  /// Whether an item of this id had a result before, of whatever input.
  public func wasKnown(_ index: Int) -> Bool { knownItems.contains(id(index)) }

  /// The keys, in a collection that is mapped over, of the items without a result.
  func pendingKeys(of collection: Collection) -> Set<[String]> {
    Set(pending.map { itemKeys[$0] })
  }

  mutating func noteKnown(_ item: String) { knownItems.insert(item) }

  /// Records what an item gave, in the order of the output ports.
  public mutating func setOutputs(_ artifacts: [Artifact], at index: Int) {
    precondition(artifacts.count == outputCount, "an item has all outputs or none")
    for (port, artifact) in artifacts.enumerated() {
      outputs[index * outputCount + port] = artifact
    }
    done[index] = true
  }

  /// The collection of one output port: all items that have a result.
  public func collection(outputPort port: Int) -> Collection {
    Collection(
      columns: columns,
      entries: itemKeys.indices.compactMap { index in
        outputs[index * outputCount + port].map {
          Collection.Entry(key: itemKeys[index], artifact: $0)
        }
      })
  }
}
