public import Pipelines
public import StageKit

/// The components of an action and the key that is computed from them, and from nothing else.
///
/// The key is SHA-256 of the canonical encoding of: the text `fathom action`, the key version, the
/// number of components, then path and value of each in the fixed order of `ActionKey.fields`.
public struct ActionKey: Sendable {
  /// Goes up when the encoding or the order of components changes.
  public static let version = 1

  public private(set) var fields: [ActionField]

  public init(fields: [ActionField]) { self.fields = fields }

  public var digest: Digest {
    var encoder = CanonicalEncoder()
    encoder.encode("fathom action")
    encoder.encode(ActionKey.version)
    encoder.encodeList(count: fields.count)
    for field in fields {
      encoder.encode(field.path)
      encoder.encode(field.value)
    }
    return encoder.digest
  }

  /// What an instance is made of apart from its inputs.
  ///
  /// - Parameters:
  ///   - files: the expansion of `files:` and of each `files` option.
  ///   - environment: the caller's environment, for variables that are passed through.
  public init(of instance: Instance, files: SourceFiles, environment: [String: String]) {
    var fields: [ActionField] = []
    func add(_ path: String, _ value: Value, at position: SourcePosition? = nil) {
      fields.append(ActionField(path: path, value: value, position: position))
    }
    switch instance.work {
    case .kind(let kind, let version, let options):
      add("kind", .string(kind), at: instance.position)
      add("version", .integer(version))
      for option in options.sorted(by: { $0.name < $1.name }) {
        guard option.namesFiles else {
          ActionKey.flatten(option.value, path: "with.\(option.name)", into: &fields) { nested in
            option.nested[nested] ?? option.position
          }
          continue
        }
        files.listing(of: option, in: instance).addFields(
          prefix: "with.\(option.name)", ordered: false, position: option.position, to: &fields)
      }
    case .command(let text):
      add("run", .string(text.value), at: text.position)
      for output in instance.outputs {
        add("out.\(output.name)", .string(output.path ?? ""), at: instance.position)
      }
    }
    files.listing(of: instance).addFields(
      prefix: "files", ordered: true, position: instance.files.first?.position, to: &fields)
    for variable in instance.environment {
      let value = variable.value ?? environment[variable.name]
      add("env.\(variable.name)", value.map { .string($0) } ?? .null, at: variable.position)
    }
    if !instance.each.isEmpty { add("each", .list(instance.each.map { .string($0) })) }
    self.fields = fields
  }

  /// The key's components with the inputs added.
  public func adding(inputs: [(binding: InputBinding, digest: Digest)]) -> ActionKey {
    var key = self
    for input in inputs {
      key.fields.append(
        ActionField(
          path: "in.\(input.binding.port)", value: .string(input.digest.hex),
          position: input.binding.position))
    }
    return key
  }

  /// The key of one item of an `each:` action, whose other components are this key's.
  public func itemKey(base: Digest, item: String, inputs: [(port: String, digest: Digest)])
    -> Digest
  {
    var encoder = CanonicalEncoder()
    encoder.encode("fathom item")
    encoder.encode(ActionKey.version)
    encoder.encode(base)
    encoder.encode(item)
    encoder.encodeList(count: inputs.count)
    for input in inputs {
      encoder.encode(input.port)
      encoder.encode(input.digest)
    }
    return encoder.digest
  }

  /// One component a leaf: a map inside an option becomes `with.task.paces`, so that an
  /// explanation names the very entry that changed. An empty map stays one component.
  private static func flatten(
    _ value: Value, path: String, below: String = "", into fields: inout [ActionField],
    position: (String) -> SourcePosition?
  ) {
    guard case .map(let pairs) = value, !pairs.isEmpty else {
      fields.append(ActionField(path: path, value: value, position: position(below)))
      return
    }
    for pair in pairs.sorted(by: { $0.key < $1.key }) {
      // A dot inside a key is escaped, so that {a.b: 1} and {a: {b: 1}} differ.
      let name =
        pair.key.contains(where: { $0 == "." || $0 == "\\" })
        ? pair.key.replacing("\\", with: "\\\\").replacing(".", with: "\\.") : pair.key
      flatten(
        pair.value, path: "\(path).\(name)",
        below: below.isEmpty ? pair.key : "\(below).\(pair.key)",
        into: &fields, position: position)
    }
  }
}
