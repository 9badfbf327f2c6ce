import StageKit
import Testing

@Suite("Digests")
struct DigestTests {
  @Test("the digest of 'abc' is the one that FIPS 180-2 prints")
  func knownAnswer() {
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    #expect(Digest(of: Array("abc".utf8)).hex == expected)
    #expect(Digest(hex: expected)?.hex == expected)
  }

  @Test("text that is not 64 lower-case hexadecimal digits is no digest")
  func badHex() {
    #expect(Digest(hex: "abc") == nil)
    #expect(Digest(hex: String(repeating: "g", count: 64)) == nil)
    #expect(Digest(hex: String(repeating: "A", count: 64)) == nil)
    #expect(Digest(hex: String(repeating: "0", count: 65)) == nil)
    // Each byte that is no digit, at places of all eight bytes of a word.
    let good = Array(Digest(of: Array("abc".utf8)).hex.utf8)
    let digits = Set("0123456789abcdef".utf8)
    for place in good.indices {
      for byte in UInt8.min...UInt8.max where !digits.contains(byte) {
        var bad = good
        bad[place] = byte
        #expect(Digest(hexBytes: bad) == nil)
      }
    }
  }
}
