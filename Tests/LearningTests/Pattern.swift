import Learning

/// Inputs and weights that follow from names, as in `make_variant_goldens.py`.
enum Pattern {
  /// 4093 multiples of 2^-24 in [-0.5, 0.5): the finaliser of MurmurHash3 on 0, 1, 2, …
  static let table: [Float] = (0..<4093).map { index in
    var x = UInt32(index) &* 2_654_435_761
    for (shift, factor) in [(16, 2_246_822_507), (13, 3_266_489_909), (16, 1)] as [(Int, UInt32)] {
      x = (x ^ (x >> shift)) &* factor
    }
    return Float(x >> 8) / 0x1p24 - 0.5
  }

  /// The table, again and again, from a place that FNV-1a gives to the name.
  static func values(_ name: String, count: Int, _ change: (Float) -> Float = { $0 }) -> [Float] {
    var offset: UInt32 = 2_166_136_261
    for byte in name.utf8 { offset = (offset ^ UInt32(byte)) &* 16_777_619 }
    let start = Int(offset % 4093)
    let changed = table.map(change)
    let turned = Array(changed[start...] + changed[..<start])
    var values: [Float] = []
    values.reserveCapacity(count)
    while values.count + 4093 <= count { values += turned }
    return values + turned[..<(count - values.count)]
  }

  static func values(_ name: String, _ shape: [Int]) -> [Float] {
    values(name, count: shape.reduce(1, *))
  }

  static func weights(_ parameter: Parameter) -> [Float] {
    let (name, shape) = (parameter.name, parameter.shape)
    guard shape.count > 1 else {
      let isCentred = name.hasSuffix("running_var") || name.hasSuffix("weight")
      return values(name, count: parameter.count) { $0 / 2 + (isCentred ? 1 : 0) }
    }
    var scale: Float = 4
    let fan = shape.dropFirst().reduce(1, *)
    var reach = 1
    while reach < fan { (reach, scale) = (reach * 4, scale / 2) }
    return values(name, count: parameter.count) { $0 * scale }
  }

  /// Gives a network the weights of its names.
  static func fill(_ layer: any Layer) throws {
    for parameter in layer.parameters { try parameter.set(weights(parameter)) }
    for counter in layer.counters { counter.count = 7 }
  }
}
