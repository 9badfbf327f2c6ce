import Foundation

/// A plain value as YAML and JSON have them. A map keeps the order in which it was written.
public enum Value: Hashable, Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case list([Value])
  case map([Pair])

  /// One entry of a map.
  public struct Pair: Hashable, Sendable {
    public var key: String
    public var value: Value

    public init(_ key: String, _ value: Value) {
      self.key = key
      self.value = value
    }
  }

  /// The entry of a map with this key.
  public subscript(key: String) -> Value? {
    guard case .map(let pairs) = self else { return nil }
    return pairs.first { $0.key == key }?.value
  }

  /// Whether this is neither a list nor a map.
  public var isScalar: Bool {
    switch self {
    case .list, .map: false
    default: true
    }
  }

  /// What a person calls this kind of value in an error.
  public var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer: "an integer"
    case .number: "a number"
    case .string: "text"
    case .list: "a list"
    case .map: "a map"
    }
  }

  /// The scalar as it stands in a command, an address or a file name; JSON for lists and maps.
  public var text: String {
    switch self {
    case .string(let text): text
    default: json
    }
  }

  /// One line of JSON; a map keeps its order.
  public var json: String {
    var out = ""
    write(to: &out, space: "")
    return out
  }

  /// One line of JSON with a space after each comma and colon, for people.
  public var display: String {
    var out = ""
    write(to: &out, space: " ")
    return out
  }

  private func write(to out: inout String, space: String) {
    switch self {
    case .null: out += "null"
    case .bool(let flag): out += flag ? "true" : "false"
    case .integer(let integer): out += String(integer)
    case .number(let number):
      // JSON has no NaN or infinity; Python's and JavaScript's readers take these names.
      out +=
        number.isNaN
        ? "NaN" : number.isInfinite ? (number < 0 ? "-Infinity" : "Infinity") : "\(number)"
    case .string(let text): Value.quote(text, to: &out)
    case .list(let values):
      out += "["
      for (index, value) in values.enumerated() {
        if index > 0 { out += "," + space }
        value.write(to: &out, space: space)
      }
      out += "]"
    case .map(let pairs):
      out += "{"
      for (index, pair) in pairs.enumerated() {
        if index > 0 { out += "," + space }
        Value.quote(pair.key, to: &out)
        out += ":" + space
        pair.value.write(to: &out, space: space)
      }
      out += "}"
    }
  }

  private static func quote(_ text: String, to out: inout String) {
    out += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "\u{0}"..."\u{1f}", "\u{7f}":
        let hex = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: out.unicodeScalars.append(scalar)
      }
    }
    out += "\""
  }
}

extension Value: Codable {
  private struct MapKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  public init(from decoder: any Decoder) throws {
    if let map = try? decoder.container(keyedBy: MapKey.self) {
      self = .map(
        try map.allKeys.sorted { $0.stringValue < $1.stringValue }.map {
          Pair($0.stringValue, try map.decode(Value.self, forKey: $0))
        })
    } else if var list = try? decoder.unkeyedContainer() {
      var values: [Value] = []
      while !list.isAtEnd { values.append(try list.decode(Value.self)) }
      self = .list(values)
    } else {
      let scalar = try decoder.singleValueContainer()
      if scalar.decodeNil() {
        self = .null
      } else if let flag = try? scalar.decode(Bool.self) {
        self = .bool(flag)
      } else if let integer = try? scalar.decode(Int.self) {
        self = .integer(integer)
      } else if let number = try? scalar.decode(Double.self) {
        self = .number(number)
      } else {
        self = .string(try scalar.decode(String.self))
      }
    }
  }

  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .null:
      var scalar = encoder.singleValueContainer()
      try scalar.encodeNil()
    case .bool(let flag): try flag.encode(to: encoder)
    case .integer(let integer): try integer.encode(to: encoder)
    case .number(let number): try number.encode(to: encoder)
    case .string(let text): try text.encode(to: encoder)
    case .list(let values): try values.encode(to: encoder)
    case .map(let pairs):
      var map = encoder.container(keyedBy: MapKey.self)
      for pair in pairs { try map.encode(pair.value, forKey: MapKey(stringValue: pair.key)) }
    }
  }
}

extension Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public typealias Key = String

  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: Value...) { self = .list(elements) }
  public init(dictionaryLiteral elements: (String, Value)...) {
    self = .map(elements.map { Pair($0.0, $0.1) })
  }
}
