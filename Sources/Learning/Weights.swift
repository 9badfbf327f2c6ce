internal import Foundation
internal import StageKit

extension Layer {
  /// Writes parameters, running statistics (float32) and counters of batches (int64) as safetensors
  /// under their names, PyTorch's `state_dict`.
  ///
  /// These are the bytes that Python's `safetensors.torch.save_file` writes of the same state. The
  /// file appears whole or not at all.
  ///
  /// - Parameter metadata: texts by name, `__metadata__` of the file
  /// - Throws: `LearningError`, also where a value is NaN or infinite
  public func save(to path: String, metadata: [String: String] = [:]) throws {
    let names = parameters.map(\.name) + counters.map(\.name)
    if let twice = Dictionary(grouping: names, by: \.self).filter({ $1.count > 1 }).keys.min() {
      throw LearningError(.badSetting, "two parameters are named '\(twice)'")
    }
    let temporary = "\(path).new"
    do {
      try write(to: temporary, metadata)
      guard rename(temporary, path) == 0 else {
        throw LearningError(
          .badWeights, "'\(path)': cannot be written: \(String(cString: strerror(errno)))")
      }
    } catch {
      unlink(temporary)
      throw (error as? SafetensorsError).map { LearningError(.badWeights, "\($0)") } ?? error
    }
  }

  private func write(to path: String, _ metadata: [String: String]) throws {
    // The order of the Python package: wider types first, then by name.
    let counters = counters.sorted { $0.name < $1.name }
    let parameters = parameters.sorted { $0.name < $1.name }
    let writer = try SafetensorsWriter(
      path: path,
      tensors: counters.map { .init($0.name, .i64, shape: []) }
        + parameters.map { .init($0.name, .f32, shape: $0.shape) },
      metadata: metadata)
    var isFirst = true
    func append<Element: TensorElement>(_ values: [Element]) throws {
      if !isFirst { writer.next() }
      isFirst = false
      try writer.append(values)
    }
    for counter in counters { try append([Int64(counter.count)]) }
    for parameter in parameters {
      let values = try parameter.values()
      if let problem = values.withUnsafeBufferPointer(firstNotFinite) {
        throw LearningError(.notFinite, "'\(parameter.name)' \(problem); nothing was written")
      }
      try append(values)
    }
    try writer.finish()
  }

  /// Reads what `save` or Python's `safetensors` wrote. The whole file is checked first: where it
  /// does not fit, nothing changes.
  ///
  /// Weights that read colour are summed over their input axis where the network reads grey images.
  /// Programs of inference need a `refresh` afterwards.
  ///
  /// - Parameter prefixes: what begins with one of them is neither read nor missed: `fc.`
  /// - Throws: `LearningError` of code `badWeights`, naming each tensor that does not fit, what was
  ///   expected and what was found
  public func load(from path: String, leavingOut prefixes: [String] = []) throws {
    let file: SafetensorsFile
    do { file = try SafetensorsFile(path: path) } catch {
      throw LearningError(.badWeights, "\(error)")
    }
    let reading = WeightsReading(file, grey: Set(imageWeights.map(\.name)))
    func isRead(_ name: String) -> Bool { !prefixes.contains { name.hasPrefix($0) } }
    let parameters = parameters.filter { isRead($0.name) }
    let counters = counters.filter { isRead($0.name) }
    for parameter in parameters { reading.check(parameter) }
    for counter in counters { reading.check(counter) }
    reading.refuseOthers(than: parameters.map(\.name) + counters.map(\.name), isRead)
    try reading.end()
    for parameter in parameters { try parameter.set(reading.values(of: parameter)) }
    for counter in counters { counter.count = try reading.count(of: counter) }
  }
}

/// A file of weights beside a network: collects all that does not fit.
private final class WeightsReading {
  private let file: SafetensorsFile
  private let entries: [String: SafetensorsFile.Entry]
  /// Weights that are summed over three colours where the file has those.
  private let grey: Set<String>
  private var problems: [String] = []
  /// More would not be read.
  private static let shown = 5

  init(_ file: SafetensorsFile, grey: Set<String>) {
    self.file = file
    self.grey = grey
    entries = Dictionary(file.entries.map { ($0.name, $0) }) { first, _ in first }
  }

  func check(_ parameter: Parameter) {
    var shapes = [parameter.shape]
    if grey.contains(parameter.name) { shapes.append(colourShape(parameter)) }
    guard has(parameter.name, .f32, shapes) else { return }
    do {
      let tensor = try file.tensor(parameter.name, of: Float.self)
      let problem = tensor.withElements { elements in
        firstNotFinite(elements)
          ?? (parameter.name.hasSuffix("running_var") ? firstNegative(elements) : nil)
      }
      if let problem { problems.append("'\(parameter.name)' \(problem)") }
    } catch { problems.append(error.message) }
  }

  func check(_ counter: BatchCounter) {
    guard has(counter.name, .i64, [[]]) else { return }
    do {
      let count = try count(of: counter)
      if count < 0 { problems.append("'\(counter.name)' is \(count); expected at least 0") }
    } catch { problems.append("\(error)") }
  }

  private func has(_ name: String, _ type: TensorType, _ shapes: [[Int]]) -> Bool {
    let wanted =
      "\(type.rawValue) " + shapes.map { "\($0)" }.joined(separator: " or ")
    guard let entry = entries[name] else {
      problems.append("'\(name)' is missing; expected \(wanted)")
      return false
    }
    guard entry.type == type, shapes.contains(entry.shape) else {
      problems.append("'\(name)' is \(entry.type.rawValue) \(entry.shape); expected \(wanted)")
      return false
    }
    return true
  }

  func refuseOthers(than names: [String], _ isRead: (String) -> Bool) {
    let known = Set(names)
    for entry in file.entries where isRead(entry.name) && !known.contains(entry.name) {
      problems.append(
        "'\(entry.name)' \(entry.type.rawValue) \(entry.shape) is not part of the network")
    }
  }

  func end() throws {
    guard !problems.isEmpty else { return }
    let more = problems.count - WeightsReading.shown
    throw LearningError(
      .badWeights,
      "'\(file.path)': " + problems.prefix(WeightsReading.shown).joined(separator: "; ")
        + (more > 0 ? "; and \(more) more" : ""))
  }

  func count(of counter: BatchCounter) throws -> Int {
    Int(try file.tensor(counter.name, of: Int64.self).array[0])
  }

  func values(of parameter: Parameter) throws -> [Float] {
    let tensor = try file.tensor(parameter.name, of: Float.self)
    guard tensor.shape != parameter.shape else { return tensor.array }
    let kernel = parameter.shape.dropFirst(2).reduce(1, *)
    return tensor.withElements { elements in
      (0..<parameter.count).map { index in
        let first = index / kernel * kernel * 3 + index % kernel
        return Float((0..<3).reduce(0.0) { $0 + Double(elements[first + $1 * kernel]) })
      }
    }
  }

  private func colourShape(_ parameter: Parameter) -> [Int] {
    var shape = parameter.shape
    shape[1] = 3
    return shape
  }
}

private func firstNotFinite(_ elements: UnsafeBufferPointer<Float>) -> String? {
  guard let index = elements.firstIndex(where: { !$0.isFinite }) else { return nil }
  return "holds \(elements[index]) at element \(index); expected finite values"
}

private func firstNegative(_ elements: UnsafeBufferPointer<Float>) -> String? {
  guard let index = elements.firstIndex(where: { $0 < 0 }) else { return nil }
  return "holds \(elements[index]) at element \(index); expected at least 0"
}
