import Foundation
import Pictures
import TestKit
import Testing

@Suite("Colours")
struct ColourTests {
  /// From sRGB back to OKLab lightness, by the inverse matrices of Ottosson's page.
  private func lightness(_ colour: Colour) -> Double {
    func linear(_ part: Double) -> Double {
      part <= 0.04045 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4)
    }
    let (r, g, b) = (linear(colour.red), linear(colour.green), linear(colour.blue))
    let l = cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    let m = cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    let s = cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s
  }

  @Test("greys and primaries of OKLCh are those of its author's page")
  func known() {
    for (lightness, chroma, hue, rgb) in [
      (1.0, 0.0, 0.0, [1.0, 1, 1]), (0, 0, 0, [0, 0, 0]),
      // sRGB red has L 0.628, C 0.2577, h 29.23.
      (0.62796, 0.25768, 29.234, [1, 0, 0]),
    ] {
      let colour = Colour(lightness: lightness, chroma: chroma, hue: hue)
      for (found, expected) in zip([colour.red, colour.green, colour.blue], rgb) {
        #expect(isClose(found, expected, absolute: 0.02), "\(colour)")
      }
    }
  }

  @Test("a colour map rises in equal steps of lightness, and every colour is one of sRGB")
  func uniform() {
    let map = ColourMap.amber
    let levels = map.colours.map(lightness)
    for index in 1..<levels.count {
      #expect(isClose(levels[index] - levels[index - 1], 0.29 / 255, absolute: 1e-5))
    }
    #expect(map.colours.allSatisfy { [$0.red, $0.green, $0.blue].allSatisfy((0...1).contains) })
    #expect(map.colour(-1) == map.colours[0] && map.colour(2) == map.colours[255])
  }

  @Test("hexadecimal colours are read as style sheets write them")
  func hexadecimal() {
    let colour = Colour(0xFF8000, opacity: 0.5)
    #expect((colour.red, colour.blue, colour.opacity) == (1, 0, 0.5))
    #expect(isClose(colour.green, 128.0 / 255))
  }
}
