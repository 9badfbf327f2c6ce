import Foundation
import Learning
import Testing

extension LearningTests {
  /// oneDNN reads the limit once, so each has a process of its own. On an older processor than the
  /// limit asks for, this tests that processor.
  @Suite("processors with and without AVX-512") struct ProcessorTests {
    enum Network: String, CaseIterable, Codable {
      case clips, saliency

      /// Narrower than they are used, but with the channels in blocks that kernels are made for.
      func make() throws -> (layer: any Layer, shape: [Int]) {
        let initializer = Initializer(seed: 0)
        return switch self {
        case .clips:
          (try ResNet3D(.init(width: 1 / 4), initializer: initializer), [2, 3, 8, 56, 56])
        case .saliency:
          (try SaliencyVAM(width: 1 / 4, initializer: initializer), [2, 1, 56, 72])
        }
      }
    }

    @Test(
      "no operation of a network is left to a reference kernel",
      arguments: ["AVX512_CORE", "AVX2", "SSE41"], Network.allCases)
    func kernels(limit: String, network: Network) async {
      await #expect(processExitsWith: .success) { [limit, network] in
        setenv("DNNL_MAX_CPU_ISA", limit, 1)
        let (layer, shape) = try network.make()
        try setTestWeights([layer])
        for mode in [Program.Mode.training, .inference] {
          let run = try Run(layer, shape, mode: mode, on: OneDNNBackend(threads: 2))
          let slow = try run.program.profile().filter { $0.kernel.contains("ref:") }
            .map(\.operation)
          // Before AVX2 some that cost no more than a pass over memory have nothing else.
          let allowed = limit == "SSE41" ? ["normalization", "product"] : []
          let found = Set(slow).filter { name in !allowed.contains { name.hasPrefix($0) } }
          #expect(found.isEmpty, "\(limit), \(mode): \(found)")
        }
      }
    }

    @Test("results and gradients are PyTorch's", arguments: ["AVX512_CORE", "AVX2", "SSE41"])
    func goldens(limit: String) async {
      await #expect(processExitsWith: .success) { [limit] in
        setenv("DNNL_MAX_CPU_ISA", limit, 1)
        let variants = VariantTests()
        for test in VariantTests.cases where ["jing_saliency", "attention"].contains(test.name) {
          try variants.gradients(test: test)
          try variants.inference(test: test)
        }
      }
    }
  }
}
