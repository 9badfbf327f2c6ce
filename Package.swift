// swift-tools-version: 6.2
import PackageDescription

let swift: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let arguments = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")

let package = Package(
  name: "fathom",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "fathom", targets: ["fathom"]),
    .executable(name: "fathom-worker", targets: ["fathom-worker"]),
    .executable(name: "fathom-launch", targets: ["fathom-launch"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    // System libraries: a module map and a shim each, imported by exactly one module.
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(
      name: "CLibAV", pkgConfig: "libavformat libavcodec libswscale libavutil",
      providers: [.apt(["libavformat-dev", "libavcodec-dev", "libswscale-dev"])]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CFFTW", pkgConfig: "fftw3f", providers: [.apt(["libfftw3-dev"])]),
    .systemLibrary(
      name: "CCairo", pkgConfig: "cairo cairo-ft freetype2", providers: [.apt(["libcairo2-dev"])]),

    // The light side: what the command links.
    .target(name: "StageKit", dependencies: [crypto], swiftSettings: swift),
    .target(name: "Pipelines", dependencies: ["StageKit", "CYAML"], swiftSettings: swift),
    .target(name: "Engine", dependencies: ["Pipelines", "StageKit"], swiftSettings: swift),
    .target(
      name: "Storage", dependencies: ["Engine", "StageKit", grdb, sqlite],
      swiftSettings: swift),
    .target(
      name: "Executors", dependencies: ["Engine", "StageKit"], swiftSettings: swift),
    .executableTarget(
      name: "fathom",
      dependencies: ["Executors", "Storage", "Engine", "Pipelines", "StageKit", arguments],
      swiftSettings: swift,
      // Nothing is loaded or relocated at the start: --version takes 3 ms, not 9.
      linkerSettings: [.unsafeFlags(["-static-executable"], .when(configuration: .release))]),
    .executableTarget(
      name: "fathom-launch",
      // No part of Swift in it: it starts once a job.
      linkerSettings: [.unsafeFlags(["-static-executable", "-nostartfiles"])]),

    // The heavy side: what a job links.
    // Its loops run over every element of a data set: fast in every build.
    .target(name: "CAnalysis", cSettings: [.unsafeFlags(["-O3", "-fno-math-errno"])]),
    .target(
      name: "Analysis", dependencies: ["CAnalysis", "COpenBLAS", "CFFTW"],
      swiftSettings: swift + [.unsafeFlags(["-O"], .when(configuration: .debug))]),
    .target(name: "Video", dependencies: ["CLibAV"], swiftSettings: swift),
    .target(
      name: "CDCMTK",
      linkerSettings: [
        .linkedLibrary("dcmdata"), .linkedLibrary("oflog"), .linkedLibrary("ofstd"),
      ]),
    .target(name: "DICOM", dependencies: ["CDCMTK", "Video"], swiftSettings: swift),
    .target(
      name: "COneDNN", linkerSettings: [.linkedLibrary("dnnl"), .linkedLibrary("gomp")]),
    .target(name: "Learning", dependencies: ["COneDNN", "StageKit"], swiftSettings: swift),
    // Its loops run beside the training's kernels, on the same cores: fast in every build.
    .target(name: "CSelfSupervision", cSettings: [.unsafeFlags(["-O3", "-fno-math-errno"])]),
    .target(
      name: "SelfSupervision", dependencies: ["CSelfSupervision", "Learning", "StageKit"],
      swiftSettings: swift, plugins: ["Catalogue"]),
    .target(name: "Charts", swiftSettings: swift),
    .target(name: "Pictures", dependencies: ["CCairo"], swiftSettings: swift),
    // Its loops are the whole cost of a scan: fast in every build.
    .target(name: "CSimulation", cSettings: [.unsafeFlags(["-O3", "-fno-math-errno"])]),
    .target(name: "Simulation", dependencies: ["CSimulation", "StageKit"], swiftSettings: swift),
    .target(
      name: "Stages",
      dependencies: [
        "StageKit", "Analysis", "Learning", "SelfSupervision", "Video", "DICOM", "Charts",
        "Pictures", "Simulation",
      ],
      swiftSettings: swift, plugins: ["Catalogue"]),
    .executableTarget(
      name: "fathom-worker", dependencies: ["Stages", "StageKit"], swiftSettings: swift),

    // A new stage kind or transform is one new file: this plug-in lists the files of a folder.
    .executableTarget(name: "catalogue-generator", swiftSettings: swift),
    .plugin(
      name: "Catalogue", capability: .buildTool(), dependencies: ["catalogue-generator"]),

    .executableTarget(
      name: "learning-step", dependencies: ["Learning"], path: "Benchmarks/learning-step",
      swiftSettings: swift),
    .executableTarget(
      name: "explain-step", dependencies: ["Analysis", "StageKit"],
      path: "Benchmarks/explain-step", swiftSettings: swift),
    .executableTarget(
      name: "train-tiny", dependencies: ["Learning"], path: "docs/examples/train-tiny",
      swiftSettings: swift),

    .target(
      name: "TestKit", dependencies: ["StageKit"], path: "Tests/TestKit", swiftSettings: swift),
    // Reads pictures and videos in colour by libav's own decoders, for tests of what is written.
    .target(
      name: "PictureKit", dependencies: ["CLibAV"], path: "Tests/PictureKit", swiftSettings: swift),
    .testTarget(
      name: "StageKitTests", dependencies: ["StageKit", "TestKit"], swiftSettings: swift),
    .testTarget(
      name: "PipelinesTests", dependencies: ["Pipelines", "StageKit", "TestKit"],
      swiftSettings: swift),
    .testTarget(
      name: "EngineTests", dependencies: ["Engine", "Pipelines", "StageKit", "TestKit"],
      swiftSettings: swift),
    .testTarget(
      name: "StorageTests", dependencies: ["Storage", "Engine", "StageKit", "TestKit"],
      swiftSettings: swift),
    .testTarget(
      name: "ExecutorsTests",
      dependencies: ["Executors", "Engine", "Pipelines", "StageKit", "TestKit", "fathom-launch"],
      swiftSettings: swift),
    .testTarget(
      name: "AnalysisTests", dependencies: ["Analysis", "TestKit"], swiftSettings: swift),
    .testTarget(
      name: "LearningTests",
      dependencies: ["Learning", "COneDNN", "StageKit", "Stages", "TestKit", "train-tiny"],
      swiftSettings: swift),
    .testTarget(
      name: "SelfSupervisionTests",
      dependencies: ["SelfSupervision", "Learning", "StageKit", "TestKit"], swiftSettings: swift),
    .testTarget(name: "ChartsTests", dependencies: ["Charts", "TestKit"], swiftSettings: swift),
    .testTarget(
      name: "SimulationTests",
      dependencies: ["Simulation", "CSimulation", "StageKit", "TestKit"], swiftSettings: swift),
    .testTarget(
      name: "VideoTests", dependencies: ["Video", "PictureKit", "TestKit"], swiftSettings: swift),
    .testTarget(
      name: "PicturesTests", dependencies: ["Pictures", "PictureKit", "TestKit"],
      swiftSettings: swift),
    .testTarget(
      name: "DICOMTests", dependencies: ["DICOM", "Video", "TestKit"], swiftSettings: swift),
    .testTarget(
      name: "StagesTests",
      dependencies: [
        "Stages", "StageKit", "Analysis", "Learning", "Video", "Charts", "Pictures", "PictureKit",
        "TestKit",
      ],
      swiftSettings: swift),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "StageKit", "TestKit", subprocess, "fathom", "fathom-worker", "fathom-launch",
      ],
      swiftSettings: swift),
  ]
)

// FATHOM_TESTS=StagesTests,LearningTests: the package of these tests and what they need, no more.
if let names = Context.environment["FATHOM_TESTS"] {
  var kept = Set(names.split(separator: ",").map(String.init))
  for _ in package.targets {
    for target in package.targets where kept.contains(target.name) {
      for dependency in target.dependencies {
        if case .byNameItem(let name, _) = dependency { kept.insert(name) }
      }
      for plugin in target.plugins ?? [] {
        if case .plugin(let name, _) = plugin { kept.insert(name) }
      }
    }
  }
  package.products = []
  package.targets.removeAll { !kept.contains($0.name) }
}
