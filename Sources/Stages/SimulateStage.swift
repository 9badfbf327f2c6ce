internal import Dispatch
internal import Foundation
internal import Simulation
internal import StageKit
internal import Synchronization
internal import Video

/// Makes fetal ultrasound scans from a physical model: videos with labels, gaze and truth.
///
/// An item is one scan, `p07/scan_1.mp4`, of a patient, its group. A patient's scans together visit
/// every plane, in an order of their own, each for the same number of frames: neither the length of a
/// scan nor its place tells what it shows. Scans are made in parallel; their bytes depend on the
/// options alone.
struct SimulateStage: Stage {
  enum Codec: String, CaseIterable {
    case h264, ffv1, mjpeg

    var writer: VideoWriter.Codec {
      switch self {
      case .h264: .h264
      case .ffv1: .ffv1
      case .mjpeg: .mjpeg
      }
    }
  }

  static let kind = "simulate"
  static let version = 2
  static let summary = "Makes fetal ultrasound scans from a physical model"
  static let videos = Output("videos", "video", many: true, help: "p07/scan_1.mp4 and so on")
  static let labels = Output(
    "labels", "labels", many: true, help: "TSV: first, last (frames), label, group")
  static let gaze = Output(
    "gaze", "gaze", many: true, help: "TSV: frame, time, eye, x, y (shares), valid")
  static let truth = Output(
    "truth", "truth", many: true, help: "TSV: frame, label, structure, x, y, long_axis (shares)")
  static let inputs: [Input] = []
  static let outputs = [videos, labels, gaze, truth]

  private let patients: Int
  private let codec: Codec
  private let settings: ScanSettings

  init(options: inout OptionReader) throws(Diagnostic) {
    patients = try options.integer("patients", in: 1...10_000, default: 33, help: "how many")
    codec = try options.choice("codec", default: .h264, help: "of the videos; ffv1 is lossless")
    settings = try SimulateStage.settings(&options)
    let rate = settings.framesPerSecond
    guard codec.writer.supports(framesPerSecond: rate) else {
      throw SimulateStage.refusal("fps", "is \(rate), which \(codec.rawValue) cannot have")
    }
  }

  func run(in context: StageContext) async throws {
    let digits = max(2, String(patients).count)
    var works: [ScanFiles] = []
    // In order, before anything is made: paths are numbered as they are asked for.
    for patient in 1...patients {
      let number = String(patient)
      let name = "p" + String(repeating: "0", count: digits - number.count) + number
      for scan in 0..<settings.scansPerPatient {
        let id = "\(name)/scan_\(scan + 1).\(codec.writer.fileExtension)"
        works.append(
          ScanFiles(
            patient: name, number: scan, settings: settings, codec: codec.writer,
            video: try context.path(Self.videos, id: id),
            labels: try context.path(Self.labels, id: id),
            gaze: try context.path(Self.gaze, id: id), truth: try context.path(Self.truth, id: id)))
      }
    }
    try make(works, in: context)
  }

  /// On as many threads as the job may use.
  private func make(_ works: [ScanFiles], in context: StageContext) throws {
    let total = works.count * settings.framesPerScan
    let next = Atomic(0)
    let done = Atomic(0)
    let failures = Mutex<[Int: any Error]>([:])
    DispatchQueue.concurrentPerform(iterations: min(max(1, context.cpus), works.count)) { _ in
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < works.count, failures.withLock({ $0.isEmpty }) else { return }
        do {
          try works[index].write {
            let count = done.wrappingAdd(1, ordering: .relaxed).newValue
            if count % 16 == 0 || count == total {
              context.progress(count, of: total, unit: "frames")
            }
          }
        } catch {
          failures.withLock { $0[index] = error }
        }
      }
    }
    if let failure = failures.withLock({ $0.min { $0.key < $1.key } }) { throw failure.value }
  }
}

/// Where the files of one scan go.
private struct ScanFiles: Sendable {
  let patient: String
  /// Counted from 0.
  let number: Int
  let settings: ScanSettings
  let codec: VideoWriter.Codec
  let video: String
  let labels: String
  let gaze: String
  let truth: String

  /// - Parameter progress: called after every frame
  func write(progress: () -> Void) throws {
    let rate = settings.framesPerSecond
    let writer = try VideoWriter(
      path: video, codec: codec, height: settings.height, width: settings.width,
      framesPerSecond: rate)
    let scan = Patient(patient, settings: settings).scan(number)
    var names: [String] = []
    var samples: [GazeFile.Sample] = []
    var structures: [TruthFile.Structure] = []
    for (number, frame) in scan.enumerated() {
      try writer.append(frame.pixels)
      names.append(frame.plane.rawValue)
      samples.append(
        GazeFile.Sample(
          frame: number, time: Self.round(Double(number) / Double(rate)), eye: .both,
          position: frame.gaze.map { (Self.round($0.x), Self.round($0.y)) }))
      structures += frame.structures.map {
        TruthFile.Structure(
          frame: number, label: frame.plane.rawValue, name: $0.name, x: Self.round($0.x),
          y: Self.round($0.y), longAxis: Self.round(frame.longAxis))
      }
      progress()
    }
    try writer.finish()
    try LabelFile(group: patient, labels: names).write(to: labels)
    try GazeFile(samples).write(to: gaze)
    try TruthFile(structures).write(to: truth)
  }

  /// Five decimals: a thousandth of a pixel, and the same text on every machine.
  private static func round(_ number: Double) -> Double { (number * 1e5).rounded() / 1e5 }
}

extension SimulateStage {
  private static func settings(_ options: inout OptionReader) throws(Diagnostic) -> ScanSettings {
    var settings = ScanSettings(
      seed: try options.integer("seed", in: 0..., default: 0, help: "other seeds, other scans"))
    let all = Plane.allCases.map(\.rawValue)
    let names = try options.texts(
      "planes", default: all, help: "the labels: \(all.joined(separator: ", "))")
    settings.scansPerPatient = try options.integer(
      "scans", in: 1...100, default: settings.scansPerPatient, unit: "per patient",
      help: "the planes are dealt out to them; where that leaves a rest, some planes come twice")
    settings.framesPerSweep = try options.integer(
      "frames", in: 4...10_000, default: settings.framesPerSweep, unit: "frames",
      help: "of the sweep over each plane")
    let size = try options.integers(
      "size", count: 2, in: 32..., default: [settings.height, settings.width], unit: "pixels",
      help: "[height, width] of the videos, even, up to 2048")
    settings.framesPerSecond = try options.integer(
      "fps", in: 1...240, default: settings.framesPerSecond, unit: "frames/s",
      help: "frames per second")
    settings.overlays = try options.boolean(
      "overlays", default: true, help: "text, ticks, a grey bar, calipers, a mark of frozen frames")
    settings.lines = try options.integer(
      "lines", in: 16...1024, default: settings.lines, help: "scan lines of a frame")
    settings.samples = try options.integer(
      "samples", in: 64...4096, default: settings.samples, help: "samples of a scan line")
    settings.density = try options.number(
      "density", from: 0.1, to: 50, default: settings.density, unit: "per mm2",
      help: "scatterers; the speckle is fully developed from 9 on")
    settings.enhancement = try options.number(
      "enhancement", from: 0.1, to: 60, default: settings.enhancement, unit: "dB",
      help: "by which tissue behind fluid can be brighter")
    settings.frequency = try range(
      "f0", settings.frequency, 1...15, "MHz", "of the probe, from and to", &options)
    settings.depth = try range(
      "depth", settings.depth, 40...165, "mm", "that a line reaches, from and to", &options)
    settings.scale = try range(
      "scale", settings.scale, 0.5...1.6, "of 20 weeks' size", "the fetus, from and to", &options)
    settings.wall = try range(
      "wall", settings.wall, 8...60, "mm", "the abdominal wall, from and to", &options)
    settings.gain = try range(
      "gain", settings.gain, -20...20, "dB", "brightness, from and to", &options)
    settings.dynamicRange = try range(
      "dynamic_range", settings.dynamicRange, 20...100, "dB", "black to white, from and to",
      &options)

    guard size.allSatisfy({ $0 % 2 == 0 && $0 <= 2048 }) else {
      throw refusal("size", "is \(size); expected even numbers from 32 to 2048")
    }
    (settings.height, settings.width) = (size[0], size[1])
    settings.planes = try planes(names)
    guard settings.scansPerPatient <= settings.planes.count else {
      throw refusal(
        "scans",
        "is \(settings.scansPerPatient) per patient; expected at most \(settings.planes.count), "
          + "the number of planes")
    }
    return settings
  }

  private static func planes(_ names: [String]) throws(Diagnostic) -> [Plane] {
    guard !names.isEmpty else { throw refusal("planes", "is empty; expected at least one") }
    var planes: [Plane] = []
    for name in names {
      guard let plane = Plane(rawValue: name) else {
        let clause = Suggestion.clause(for: name, among: Plane.allCases.map(\.rawValue))
        throw refusal("planes", "holds '\(name)'\(clause)")
      }
      guard !planes.contains(plane) else {
        throw refusal("planes", "holds '\(name)' twice; expected each once")
      }
      planes.append(plane)
    }
    return planes
  }

  /// An option of two numbers, drawn from evenly for each patient.
  private static func range(
    _ name: String, _ usual: ClosedRange<Double>, _ allowed: ClosedRange<Double>, _ unit: String,
    _ help: String, _ options: inout OptionReader
  ) throws(Diagnostic) -> ClosedRange<Double> {
    let numbers = try options.numbers(
      name, count: 2, from: allowed.lowerBound, to: allowed.upperBound,
      default: [usual.lowerBound, usual.upperBound], unit: unit, help: help)
    guard numbers[0] <= numbers[1] else {
      throw refusal(name, "is [\(numbers[0]), \(numbers[1])] \(unit); expected [from, to] in order")
    }
    return numbers[0]...numbers[1]
  }

  private static func refusal(_ option: String, _ message: String) -> Diagnostic {
    Diagnostic(
      .outOfRange, "option '\(option)' \(message)",
      at: SourcePosition(path: "with.\(option)", line: 0, column: 0))
  }
}
