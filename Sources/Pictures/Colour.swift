internal import Foundation

/// A colour of sRGB with straight (not premultiplied) opacity, each part in 0 to 1.
public struct Colour: Hashable, Sendable {
  public var red: Double
  public var green: Double
  public var blue: Double
  public var opacity: Double

  public init(red: Double, green: Double, blue: Double, opacity: Double = 1) {
    self.red = red
    self.green = green
    self.blue = blue
    self.opacity = opacity
  }

  /// As style sheets write it: `0xE69F00`.
  public init(_ hex: UInt32, opacity: Double = 1) {
    self.init(
      red: Double(hex >> 16 & 255) / 255, green: Double(hex >> 8 & 255) / 255,
      blue: Double(hex & 255) / 255, opacity: opacity)
  }

  public static let black = Colour(0x000000)
  public static let white = Colour(0xFFFFFF)

  public func opacity(_ opacity: Double) -> Colour {
    var colour = self
    colour.opacity = opacity
    return colour
  }

  /// A colour of OKLCh, with as much of the chroma as sRGB can show at this lightness and hue.
  ///
  /// Equal steps of lightness look equal.
  /// Source: Ottosson (2020), "A perceptual color space for image processing".
  /// - Parameters:
  ///   - lightness: 0 black to 1 white
  ///   - chroma: 0 grey; sRGB reaches about 0.32
  ///   - hue: degrees: 30 red, 60 orange, 145 green, 265 blue
  public init(lightness: Double, chroma: Double, hue: Double) {
    func channels(_ chroma: Double) -> [Double] {
      let (a, b) = (chroma * cos(hue * .pi / 180), chroma * sin(hue * .pi / 180))
      func cube(_ root: Double) -> Double { root * root * root }
      let l = cube(lightness + 0.3963377774 * a + 0.2158037573 * b)
      let m = cube(lightness - 0.1055613458 * a - 0.0638541728 * b)
      let s = cube(lightness - 0.0894841775 * a - 1.2914855480 * b)
      return [
        4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
        -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
        -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
      ]
    }
    func isShown(_ chroma: Double) -> Bool { channels(chroma).allSatisfy((0...1).contains) }
    var (low, high) = (0.0, chroma)
    if !isShown(high) {
      for _ in 0..<20 {
        let middle = (low + high) / 2
        if isShown(middle) { low = middle } else { high = middle }
      }
      high = low
    }
    // The transfer function of IEC 61966-2-1.
    let encoded = channels(high).map { linear in
      let linear = min(max(linear, 0), 1)
      return linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1 / 2.4) - 0.055
    }
    self.init(red: encoded[0], green: encoded[1], blue: encoded[2])
  }
}

/// Colours for values of 0 to 1.
public struct ColourMap: Hashable, Sendable {
  /// From the colour of 0 to that of 1, at equal steps.
  public let colours: [Colour]

  /// One hue from dark to light, in equal steps of OKLCh lightness.
  public init(hue: Double, chroma: Double, lightness: ClosedRange<Double>, steps: Int = 256) {
    precondition(steps > 1, "a map of one colour")
    colours = (0..<steps).map { step in
      let share = Double(step) / Double(steps - 1)
      return Colour(
        lightness: lightness.lowerBound + share * (lightness.upperBound - lightness.lowerBound),
        chroma: chroma, hue: hue)
    }
  }

  /// The colour of a value; beyond 0 to 1 it is that of the nearer end.
  public func colour(_ value: Double) -> Colour {
    let last = Double(colours.count - 1)
    return colours[Int((min(max(value, 0), 1) * last).rounded())]
  }

  /// Amber: over grey speckle no other hue is told apart so well by all kinds of colour vision.
  public static let amber = ColourMap(hue: 72, chroma: 0.17, lightness: 0.5...0.79)
}
