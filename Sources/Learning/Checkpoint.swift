internal import Foundation
internal import StageKit

/// Where a training is: how many steps are done, and what it has summed up in this epoch.
///
/// Batches and dropout depend on seed and step alone, so this is the state of all generators too.
struct TrainingPosition: Codable {
  /// The next step.
  var step = 0
  /// Sums over the steps of the epoch so far.
  var loss = 0.0
  var metrics: [String: Double] = [:]
  /// Those that are complete.
  var epochs: [TrainingEvent.Epoch] = []

  mutating func add(_ step: TrainingEvent.Step) {
    self.step += 1
    loss += step.loss
    metrics.merge(step.metrics, uniquingKeysWith: +)
  }

  /// Gives the means of the epoch that is complete, and begins the next one.
  mutating func endEpoch(
    of steps: Int, time: TrainingTime, _ evaluation: [String: Double]
  ) -> TrainingEvent.Epoch {
    let epoch = TrainingEvent.Epoch(
      epoch: step / steps - 1, steps: step, loss: loss / Double(steps),
      metrics: metrics.mapValues { $0 / Double(steps) }, evaluation: evaluation, time: time)
    self = TrainingPosition(step: step, epochs: epochs + [epoch])
    return epoch
  }
}

/// All that a training needs to go on as if it had never ended, in one safetensors file.
///
/// Counters of batches i64, parameters and running statistics float32 under their names,
/// momentum as `NAME.velocity`, and last a SHA-256 of everything before it. Position and settings
/// are JSON in the metadata. Equal states give equal bytes.
struct Checkpoint {
  let path: String
  /// What must be the same for equal bytes; compared when a training is taken up.
  let settings: [String: String]
  let layers: [any Layer]
  let descent: GradientDescent

  private static let format = "fathom checkpoint 2"
  private static let digestEntry = Entry("digest", .u8, shape: [32])

  // MARK: Writing

  /// Replaces the file: written beside it, synced, and renamed, so that there is always a whole one.
  ///
  /// - Throws: `LearningError`, and then keeps the old file
  func save(_ position: TrainingPosition) throws {
    let temporary = "\(path).new"
    do {
      try write(position, to: temporary)
      try sync(temporary)
      guard rename(temporary, path) == 0 else { throw refusal(path) }
      try sync(folder)
    } catch let error as SafetensorsError {
      unlink(temporary)
      throw LearningError(.badWeights, "checkpoint \(error)")
    } catch {
      unlink(temporary)
      throw error
    }
  }

  private func write(_ position: TrainingPosition, to temporary: String) throws {
    let metadata = try metadata(position)
    let writer = try SafetensorsWriter(
      path: temporary,
      tensors: (tensors + [Checkpoint.digestEntry]).map {
        .init($0.name, $0.type, shape: $0.shape)
      },
      metadata: metadata)
    var digest = Checkpoint.digest(of: metadata)
    func append<Element: TensorElement>(_ values: [Element]) throws {
      values.withUnsafeBytes { digest.update($0) }
      try writer.append(values)
      writer.next()
    }
    for counter in layers.flatMap(\.counters) { try append([Int64(counter.count)]) }
    for parameter in layers.flatMap(\.parameters) { try append(parameter.values()) }
    for parameter in descent.parameters {
      try append(parameter.velocity())
    }
    try writer.append(digest.finish().bytes)
    try writer.finish()
  }

  private struct Entry {
    var name: String
    var type: TensorType
    var shape: [Int]

    init(_ name: String, _ type: TensorType, shape: [Int]) {
      self.name = name
      self.type = type
      self.shape = shape
    }
  }

  /// In the order of the file.
  private var tensors: [Entry] {
    layers.flatMap(\.counters).map { .init($0.name, .i64, shape: []) }
      + layers.flatMap(\.parameters).map { .init($0.name, .f32, shape: $0.shape) }
      + descent.parameters.map { .init(Checkpoint.velocityName($0), .f32, shape: $0.shape) }
  }

  private static func velocityName(_ parameter: Parameter) -> String {
    "\(parameter.name).velocity"
  }

  private func metadata(_ position: TrainingPosition) throws -> [String: String] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    func json(_ value: some Encodable) throws -> String {
      String(decoding: try encoder.encode(value), as: UTF8.self)
    }
    return [
      "format": Checkpoint.format, "position": try json(position), "settings": try json(settings),
    ]
  }

  private static func digest(of metadata: [String: String]) -> DigestStream {
    var encoder = CanonicalEncoder()
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      encoder.encode(key)
      encoder.encode(value)
    }
    var digest = DigestStream()
    digest.update(encoder.bytes)
    return digest
  }

  private var folder: String { URL(fileURLWithPath: path).deletingLastPathComponent().path }

  private func sync(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw refusal(path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw refusal(path) }
  }

  private func refusal(_ path: String) -> LearningError {
    LearningError(
      .badWeights, "checkpoint '\(path)': cannot be written: \(String(cString: strerror(errno)))")
  }

  // MARK: Reading

  /// Puts everything back; `nil` where there is no file. Nothing is changed unless all of it fits.
  ///
  /// - Throws: `LearningError` that names what differs or is damaged
  func restore() throws -> TrainingPosition? {
    guard FileManager.default.fileExists(atPath: path) else {
      // Known now, not after hours.
      guard access(folder, W_OK) == 0 else { throw refusal(path) }
      return nil
    }
    do {
      let file = try SafetensorsFile(path: path)
      let position = try position(of: file)
      try checkTensors(of: file)
      try checkDigest(of: file)
      try apply(file)
      return position
    } catch let error as SafetensorsError {
      throw mismatch(error.message)
    }
  }

  private func mismatch(_ message: String) -> LearningError {
    LearningError(
      .badWeights, "checkpoint '\(path)': \(message); remove it to start from the beginning")
  }

  private func position(of file: SafetensorsFile) throws -> TrainingPosition {
    guard file.metadata["format"] == Checkpoint.format else {
      let found = file.metadata["format"].map { "'\($0)'" } ?? "none"
      throw mismatch("its format is \(found); expected '\(Checkpoint.format)'")
    }
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    func decoded<Part: Decodable>(_ key: String) throws -> Part {
      guard let text = file.metadata[key],
        let part = try? decoder.decode(Part.self, from: Data(text.utf8))
      else { throw mismatch("its \(key) cannot be read") }
      return part
    }
    let theirs: [String: String] = try decoded("settings")
    let differences = Set(settings.keys).union(theirs.keys).sorted().filter {
      settings[$0] != theirs[$0]
    }
    guard differences.isEmpty else {
      let list = differences.map {
        "\($0) is \(theirs[$0] ?? "not set") there and \(settings[$0] ?? "not set") here"
      }
      throw mismatch("belongs to another training: \(list.joined(separator: ", "))")
    }
    return try decoded("position")
  }

  private func checkTensors(of file: SafetensorsFile) throws {
    var unknown = Set(file.entries.map(\.name))
    for tensor in tensors + [Checkpoint.digestEntry] {
      let entry = try file.entry(tensor.name)
      guard entry.type == tensor.type, entry.shape == tensor.shape else {
        throw mismatch(
          "'\(tensor.name)' is \(entry.type.rawValue) \(entry.shape); the network has"
            + " \(tensor.type.rawValue) \(tensor.shape)")
      }
      unknown.remove(tensor.name)
    }
    if let name = unknown.min() { throw mismatch("the network has no '\(name)'") }
  }

  private func checkDigest(of file: SafetensorsFile) throws {
    var digest = Checkpoint.digest(of: file.metadata)
    for tensor in tensors {
      if tensor.type == .i64 {
        try file.tensor(tensor.name, of: Int64.self).withElements {
          digest.update(UnsafeRawBufferPointer($0))
        }
      } else {
        try file.tensor(tensor.name, of: Float.self).withElements {
          digest.update(UnsafeRawBufferPointer($0))
        }
      }
    }
    guard
      try file.tensor(Checkpoint.digestEntry.name, of: UInt8.self).array == digest.finish().bytes
    else { throw mismatch("is damaged: its bytes do not have the digest that it ends with") }
  }

  private func apply(_ file: SafetensorsFile) throws {
    for counter in layers.flatMap(\.counters) {
      counter.count = Int(try file.tensor(counter.name, of: Int64.self).array[0])
    }
    for parameter in layers.flatMap(\.parameters) {
      try parameter.set(file.tensor(parameter.name).array)
    }
    for parameter in descent.parameters {
      try parameter.setVelocity(file.tensor(Checkpoint.velocityName(parameter)).array)
    }
  }
}
