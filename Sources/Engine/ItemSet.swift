import Pipelines
public import StageKit

/// The items of an `each:` stage: what each reads, and what is known of its result.
public struct ItemSet: Sendable {
  /// A port that is mapped over.
  private struct Port {
    var name: String
    var collection: Collection
    /// Of each item: the place of its entry.
    var places: [Int]
  }

  /// The action key of each item.
  public let keys: [Digest]
  /// The `each:` action without its items.
  public let base: Digest
  /// How many output ports the stage has.
  public let outputCount: Int
  /// In the order of `each:`; the first one says which items there are.
  private let ports: [Port]
  private var done: [Bool]
  /// Of all ports, item by item.
  private var outputs: [Artifact?]
  /// Items that had a result before, of whatever input.
  private var knownItems: Set<String> = []

  /// - Throws: `Diagnostic` where a port lacks an id that the first one has, all of them listed.
  init(
    instance: Instance, base: Digest, key: ActionKey, inputs: [Assessor.ResolvedInput],
    skipped: Set<String>
  ) throws {
    var ports: [Port] = []
    for name in instance.each {
      guard let input = inputs.first(where: { $0.binding.port == name }),
        case .many(let collection) = input.content
      else {
        throw Diagnostic(
          .portCount, "each: '\(name)' is connected to one artifact, not to a collection",
          at: instance.position)
      }
      if ports.isEmpty {
        ports.append(
          Port(name: name, collection: collection, places: Array(0..<collection.count)))
      } else {
        try ItemSet.join(&ports, name, collection, input.binding, skipped: skipped)
      }
    }
    keys = try ItemSet.keys(of: ports, base: base, key: key)
    self.ports = ports
    self.base = base
    outputCount = instance.outputs.count
    done = Array(repeating: false, count: keys.count)
    outputs = Array(repeating: nil, count: keys.count * outputCount)
  }

  /// Adds a port; items that were left out upstream and are not in it are left out here.
  private static func join(
    _ ports: inout [Port], _ name: String, _ collection: Collection, _ binding: InputBinding,
    skipped: Set<String>
  ) throws {
    let first = ports[0].collection
    // Of each entry of the first port: the place in this one.
    var places: [Int?] = Array(repeating: nil, count: first.count)
    Collection.walk(first, collection) { place, other in
      if let place { places[place] = other }
    }
    let lost = ports[0].places.filter { places[$0] == nil }.map(first.id(at:))
      .filter { !skipped.contains($0) }
    guard lost.isEmpty else {
      let shown = lost.prefix(10).joined(separator: ", ") + (lost.count > 10 ? ", …" : "")
      throw Diagnostic(
        .missingInput,
        "port '\(binding.port)' lacks \(lost.count) of the items that '\(ports[0].name)' has: \(shown)",
        at: binding.position)
    }
    let kept = ports[0].places.indices.filter { places[ports[0].places[$0]] != nil }
    let own = kept.compactMap { places[ports[0].places[$0]] }
    for index in ports.indices { ports[index].places = kept.map { ports[index].places[$0] } }
    ports.append(Port(name: name, collection: collection, places: own))
  }

  private static func keys(of ports: [Port], base: Digest, key: ActionKey) throws -> [Digest] {
    guard let first = ports.first else { return [] }
    return try concurrentMap(count: first.places.count) { index in
      key.itemKey(
        base: base, item: first.collection.id(at: first.places[index]),
        inputs: ports.map { ($0.name, $0.collection.artifact(at: $0.places[index]).digest) })
    }
  }

  public var count: Int { keys.count }

  /// Items without a result, in order.
  public var pending: [Int] { keys.indices.filter { !done[$0] } }

  public func id(_ index: Int) -> String {
    ports.first.map { $0.collection.id(at: $0.places[index]) } ?? ""
  }

  /// The item as a unit takes it.
  func unitItem(_ index: Int) -> Unit.Item {
    var inputs: [String: Artifact] = [:]
    for port in ports { inputs[port.name] = port.collection.artifact(at: port.places[index]) }
    return Unit.Item(index: index, id: id(index), key: keys[index], inputs: inputs)
  }

  /// Whether an item of this id had a result before, of whatever input.
  public func wasKnown(_ index: Int) -> Bool { knownItems.contains(id(index)) }

  /// What the items without a result read through one of the ports.
  func pendingInputs(of port: String) -> [Artifact]? {
    ports.first { $0.name == port }.map { port in
      pending.map { port.collection.artifact(at: port.places[$0]) }
    }
  }

  /// Takes over what is known of these items and of others of the same action.
  ///
  /// - Parameters:
  ///   - results: calls its argument for each of them.
  ///   - isPresent: whether the bytes of an output are there; all are where it is `nil`.
  mutating func recall(
    _ results: ((ItemResult) -> Void) throws -> Void, isPresent: (@Sendable (Artifact) -> Bool)?
  ) throws {
    let places = DigestIndex(count: keys.count) { keys[$0] }
    try results { result in
      guard let index = places.place(of: result.key, { keys[$0] }) else {
        knownItems.insert(result.item)
        return
      }
      if result.outputs.count == outputCount { setOutputs(result.outputs, at: index) }
    }
    guard let isPresent else { return }
    let known = outputs
    let present = try concurrentMap(count: known.count) { place in
      known[place].map(isPresent) ?? true
    }
    for (place, isPresent) in present.enumerated() where !isPresent {
      done[place / outputCount] = false
    }
  }

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
    let items = ports[0]
    var builder = CollectionBuilder(columns: items.collection.columns, count: count)
    for index in keys.indices where done[index] {
      guard let artifact = outputs[index * outputCount + port] else { continue }
      builder.append(keyAt: items.places[index], of: items.collection, artifact)
    }
    return builder.finish()
  }
}
