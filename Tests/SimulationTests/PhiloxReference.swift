import StageKit

enum PhiloxReference {
  static func words(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    CounterRandom.philox(counter: counter, key: key)
  }
}
