import Foundation

/// The header of a safetensors file: eight bytes of length, then JSON padded with spaces.
struct SafetensorsHeader {
  var metadata: [String: String] = [:]
  var entries: [SafetensorsFile.Entry] = []
  var dataOffset: Int

  /// The reference implementation's limit.
  static let maximumLength = 100_000_000

  /// Reads and checks the header of a whole file's bytes.
  ///
  /// The tensors must fill the rest of the file without overlap or hole, as the format demands.
  init(of file: UnsafeRawBufferPointer, path: String) throws(SafetensorsError) {
    func bad(_ message: String) -> SafetensorsError {
      SafetensorsError(.badHeader, path: path, "is no safetensors file: \(message)")
    }
    let length = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
    guard length <= SafetensorsHeader.maximumLength else {
      throw bad("its first eight bytes ask for a header of \(length) bytes")
    }
    dataOffset = 8 + Int(length)
    guard dataOffset <= file.count else {
      throw SafetensorsError(
        .truncated, path: path,
        "is truncated: the header needs \(dataOffset) bytes, the file has \(file.count)")
    }
    guard
      let json = try? JSONDecoder().decode(Value.self, from: Data(file[8..<dataOffset])),
      case .map(let pairs) = json
    else { throw bad("its header is no JSON object") }
    for pair in pairs {
      if pair.key == "__metadata__" {
        guard case .map(let texts) = pair.value else { throw bad("'__metadata__' is no map") }
        for text in texts {
          guard case .string(let value) = text.value else {
            throw bad(
              "'__metadata__' holds \(text.value.typeName) under '\(text.key)'; expected text")
          }
          metadata[text.key] = value
        }
      } else {
        do {
          entries.append(try SafetensorsHeader.entry(pair.key, pair.value))
        } catch {
          throw bad("the entry of tensor '\(pair.key)' \(error.message)")
        }
      }
    }
    entries.sort {
      ($0.bytes.lowerBound, $0.bytes.upperBound, $0.name)
        < ($1.bytes.lowerBound, $1.bytes.upperBound, $1.name)
    }
    try checkOffsets(available: file.count - dataOffset, path: path)
  }

  private struct Problem: Error { var message: String }

  private static func entry(
    _ name: String, _ value: Value
  ) throws(Problem) -> SafetensorsFile.Entry {
    guard case .string(let typeName) = value["dtype"] else {
      throw Problem(message: "has no dtype")
    }
    guard let type = TensorType(rawValue: typeName) else {
      let clause = Suggestion.clause(for: typeName, among: TensorType.allCases.map(\.rawValue))
      throw Problem(message: "has the dtype '\(typeName)', which is not known\(clause)")
    }
    guard let shape = naturals(value["shape"]) else {
      throw Problem(message: "has no shape that is a list of counts")
    }
    guard let offsets = naturals(value["data_offsets"]), offsets.count == 2,
      offsets[0] <= offsets[1]
    else { throw Problem(message: "has no data_offsets that are [begin, end]") }
    var needed = type.size
    for count in shape {
      let (product, overflow) = needed.multipliedReportingOverflow(by: count)
      guard !overflow else { throw Problem(message: "has the impossible shape \(shape)") }
      needed = product
    }
    guard offsets[1] - offsets[0] == needed else {
      throw Problem(
        message: "spans \(offsets[1] - offsets[0]) bytes; \(typeName) \(shape) needs \(needed)")
    }
    return SafetensorsFile.Entry(
      name: name, type: type, shape: shape, bytes: offsets[0]..<offsets[1])
  }

  private static func naturals(_ value: Value?) -> [Int]? {
    guard case .list(let values) = value else { return nil }
    var numbers: [Int] = []
    for value in values {
      guard case .integer(let number) = value, number >= 0 else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  private func checkOffsets(available: Int, path: String) throws(SafetensorsError) {
    var end = 0
    for (index, entry) in entries.enumerated() {
      if entry.bytes.lowerBound < end {
        throw SafetensorsError(
          .badOffsets, path: path,
          "tensors '\(entries[index - 1].name)' and '\(entry.name)' overlap")
      }
      if entry.bytes.lowerBound > end {
        throw SafetensorsError(
          .badOffsets, path: path,
          "\(entry.bytes.lowerBound - end) bytes before tensor '\(entry.name)' belong to no tensor")
      }
      end = entry.bytes.upperBound
    }
    if let cut = entries.first(where: { $0.bytes.upperBound > available }) {
      throw SafetensorsError(
        .truncated, path: path,
        "is truncated in tensor '\(cut.name)': its tensors need \(end) bytes,"
          + " \(available) are there")
    }
    if end < available {
      throw SafetensorsError(
        .badOffsets, path: path, "has \(available - end) bytes after its last tensor")
    }
  }
}
