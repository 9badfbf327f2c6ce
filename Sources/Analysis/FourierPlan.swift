internal import CFFTW
internal import Synchronization

/// One of FFTW's plans in Float32, for buffers of `AlignedBuffer`; freed with its owner.
///
/// Plans are estimated, not measured, and run in the calling thread: how the work is done, and so
/// the bytes, depend neither on time nor on threads.
final class FourierPlan: @unchecked Sendable {  // A plan does not change.
  private let plan: OpaquePointer
  /// Running a plan is thread-safe, making one is not.
  private static let planning = Mutex(())
  private static let flags: UInt32 = 1 << 6 | 1 << 0  // FFTW_ESTIMATE | FFTW_DESTROY_INPUT

  private init(_ make: () -> OpaquePointer?) {
    guard let plan = FourierPlan.planning.withLock({ _ in make() }) else {
      preconditionFailure("FFTW has no plan for these sizes")
    }
    self.plan = plan
  }

  deinit { FourierPlan.planning.withLock { _ in fftwf_destroy_plan(plan) } }

  /// `count` transforms of `length` real numbers each, side by side in rows of `length`, into their
  /// first `length / 2 + 1` frequencies, in rows of `pitch`; not scaled.
  static func rows(length: Int, count: Int, pitch: Int) -> FourierPlan {
    let (reals, complexes) = scratch(length * count, pitch * count)
    return FourierPlan {
      fftwf_plan_many_dft_r2c(
        1, [Int32(length)], Int32(count), reals.start, nil, 1, Int32(length),
        complex(complexes.start), nil, 1, Int32(pitch), flags)
    }
  }

  /// The way back from `rows`; not scaled.
  static func inverseRows(length: Int, count: Int, pitch: Int) -> FourierPlan {
    let (reals, complexes) = scratch(length * count, pitch * count)
    return FourierPlan {
      fftwf_plan_many_dft_c2r(
        1, [Int32(length)], Int32(count), complex(complexes.start), nil, 1, Int32(pitch),
        reals.start, nil, 1, Int32(length), flags)
    }
  }

  /// In place: transforms of `length` of the `count` columns of a matrix `[length, count]`.
  static func columns(length: Int, count: Int, inverse: Bool) -> FourierPlan {
    let (_, complexes) = scratch(0, length * count)
    return FourierPlan {
      fftwf_plan_many_dft(
        1, [Int32(length)], Int32(count), complex(complexes.start), nil, Int32(count), 1,
        complex(complexes.start), nil, Int32(count), 1, inverse ? FFTW_BACKWARD : FFTW_FORWARD,
        flags)
    }
  }

  /// In place: cosines along both axes of a matrix `[rows, columns]` of the values at 0, 1, … of a
  /// sequence that is even about its first and its last; with `oddRows`, sines down the columns of
  /// one that is odd about the places before its first and after its last.
  static func realMatrix(rows: Int, columns: Int, oddRows: Bool) -> FourierPlan {
    let (reals, _) = scratch(rows * columns, 0)
    return FourierPlan {
      fftwf_plan_r2r_2d(
        Int32(rows), Int32(columns), reals.start, reals.start,
        oddRows ? FFTW_RODFT00 : FFTW_REDFT00, FFTW_REDFT00, flags)
    }
  }

  func run(_ from: UnsafeMutablePointer<Float>, into: UnsafeMutablePointer<SIMD2<Float>>) {
    fftwf_execute_dft_r2c(plan, from, FourierPlan.complex(into))
  }

  func run(_ from: UnsafeMutablePointer<SIMD2<Float>>, into: UnsafeMutablePointer<Float>) {
    fftwf_execute_dft_c2r(plan, FourierPlan.complex(from), into)
  }

  func run(inPlace values: UnsafeMutablePointer<SIMD2<Float>>) {
    fftwf_execute_dft(plan, FourierPlan.complex(values), FourierPlan.complex(values))
  }

  func run(inPlace values: UnsafeMutablePointer<Float>) {
    fftwf_execute_r2r(plan, values, values)
  }

  /// What a plan is made for: it only looks at the alignment.
  private static func scratch(
    _ reals: Int, _ complexes: Int
  ) -> (AlignedBuffer<Float>, AlignedBuffer<SIMD2<Float>>) {
    (AlignedBuffer(count: reals), AlignedBuffer(count: complexes))
  }

  private static func complex(
    _ values: UnsafeMutablePointer<SIMD2<Float>>
  ) -> UnsafeMutablePointer<fftwf_complex> {
    UnsafeMutableRawPointer(values).assumingMemoryBound(to: fftwf_complex.self)
  }
}

/// Numbers that begin at a multiple of 64 bytes, as FFTW's vector code wants them; 0 at first.
///
/// Threads share one by writing to disjoint parts only.
final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
  let start: UnsafeMutablePointer<Element>
  let count: Int

  init(count: Int) {
    let bytes = max(count, 1) * MemoryLayout<Element>.stride
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    start = memory.bindMemory(to: Element.self, capacity: max(count, 1))
    self.count = count
  }

  deinit { UnsafeMutableRawPointer(start).deallocate() }
}
