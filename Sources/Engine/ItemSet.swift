import Pipelines
public import StageKit

/// The items of an `each:` stage: what each reads, and what is known of its result.
public struct ItemSet: Sendable {
  /// A port that is mapped over.
  private struct Port {
    var name: String
    var collection: Collection
    /// Of each item: the place of its entry; `nil` where an optional port has none.
    var places: [Int?]

    func artifact(of item: Int) -> Artifact? { places[item].map(collection.artifact(at:)) }
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

  /// - Throws: `Diagnostic` where a port lacks an id that the first one has, all of them listed;
  ///   unless the stage does without that port.
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
    let items = ports[0].places.compactMap { $0 }
    let first = ports[0].collection
    // Of each entry of the first port: the place in this one.
    var places: [Int?] = Array(repeating: nil, count: first.count)
    Collection.walk(first, collection) { place, other in
      if let place { places[place] = other }
    }
    let isLeftOut = { places[$0] == nil && skipped.contains(first.id(at: $0)) }
    let lost = items.filter { places[$0] == nil && !isLeftOut($0) }
    guard binding.optional || lost.isEmpty else {
      let names = lost.map(first.id(at:))
      let shown = names.prefix(10).joined(separator: ", ") + (names.count > 10 ? ", …" : "")
      throw Diagnostic(
        .missingInput,
        "port '\(binding.port)' lacks \(lost.count) of the items that '\(ports[0].name)' has: \(shown)",
        at: binding.position)
    }
    let kept = items.indices.filter { !isLeftOut(items[$0]) }
    let own = kept.map { places[items[$0]] }
    for index in ports.indices { ports[index].places = kept.map { ports[index].places[$0] } }
    ports.append(Port(name: name, collection: collection, places: own))
  }

  private static func keys(of ports: [Port], base: Digest, key: ActionKey) throws -> [Digest] {
    guard let first = ports.first else { return [] }
    let items = first.places.compactMap { $0 }
    return try concurrentMap(count: items.count) { index in
      key.itemKey(
        base: base, item: first.collection.id(at: items[index]),
        inputs: ports.compactMap { port in
          port.artifact(of: index).map { (port.name, $0.digest) }
        })
    }
  }

  public var count: Int { keys.count }

  /// Items without a result, in order.
  public var pending: [Int] { keys.indices.filter { !done[$0] } }

  public func id(_ index: Int) -> String {
    ports.first.flatMap { port in port.places[index].map(port.collection.id(at:)) } ?? ""
  }

  /// The item as a unit takes it.
  func unitItem(_ index: Int) -> Unit.Item {
    var inputs: [String: Artifact] = [:]
    for port in ports { inputs[port.name] = port.artifact(of: index) }
    return Unit.Item(index: index, id: id(index), key: keys[index], inputs: inputs)
  }

  /// Whether an item of this id had a result before, of whatever input.
  public func wasKnown(_ index: Int) -> Bool { knownItems.contains(id(index)) }

  /// What the items without a result read through one of the ports.
  func pendingInputs(of port: String) -> [Artifact]? {
    ports.first { $0.name == port }.map { port in pending.compactMap(port.artifact(of:)) }
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
      guard let artifact = outputs[index * outputCount + port], let place = items.places[index]
      else { continue }
      builder.append(keyAt: place, of: items.collection, artifact)
    }
    return builder.finish()
  }
}
