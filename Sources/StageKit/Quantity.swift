/// Sizes (`512MiB`, `4GiB`) and durations (`90s`, `15min`, `4h`) as people write them.
public enum Quantity {
  /// Bytes: a number with `B`, `KiB`, `MiB`, `GiB`, `TiB`, or `kB`, `MB`, `GB`, `TB`.
  public static func bytes(_ text: String) -> Int? {
    let units: [String: Double] = [
      "B": 1, "KiB": 0x1p10, "MiB": 0x1p20, "GiB": 0x1p30, "TiB": 0x1p40, "kB": 1e3, "MB": 1e6,
      "GB": 1e9, "TB": 1e12,
    ]
    guard let (number, unit) = split(text), let factor = units[unit] else { return nil }
    let bytes = number * factor
    return bytes < 0x1p60 ? Int(bytes) : nil
  }

  /// Seconds: a number with `ms`, `s`, `min`, `h` or `d`.
  public static func seconds(_ text: String) -> Double? {
    let units: [String: Double] = ["ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400]
    guard let (number, unit) = split(text), let factor = units[unit] else { return nil }
    return number * factor
  }

  private static func split(_ text: String) -> (Double, String)? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = text.dropFirst(digits.count).drop { $0 == " " }
    guard let number = Double(digits), number.isFinite, number >= 0 else { return nil }
    return (number, String(unit))
  }
}
