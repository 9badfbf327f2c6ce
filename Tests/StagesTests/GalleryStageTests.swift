import Foundation
import StageKit
import TestKit
import Testing

@Suite struct GalleryStageTests {
  /// Two scans, four landmarks each, in clusters of six, two and none.
  static func inputs(
    _ bench: AnalysisBench, known: Bool = true, items: [String] = ["a.mp4", "b.mp4"]
  ) throws -> [String: JobInput] {
    var features: [(key: String, path: String)] = []
    var assigned = "item,row,cluster\n"
    for (scan, item) in ["a.mp4", "b.mp4"].enumerated() {
      // Distances from (1, 0) before scaling: 0, 1, 2, … ; equal ones in both scans.
      let folder = try bench.features(
        (0..<4).map { $0 == 3 ? [0, 5] : [1 + Float($0), 0] }, name: "features-\(scan)")
      var index = "frame,time,row,column,grid_height,grid_width,y,x,saliency,source_frame,"
      index +=
        "source_x,source_y,source_height,source_width" + (known ? ",structure,class\n" : "\n")
      for row in 0..<4 {
        index += "\(row),\(Double(row) / 30),\(row),\(2 * row),7,9,\(row),\(2 * row),0.5,\(row),"
        index += "0.5,0.5,56,72" + (known ? ",\(row < 2 ? "shaft" : ""),Femur\n" : "\n")
        assigned += "\(item),\(row),\(row == 3 ? 1 : 0)\n"
      }
      _ = try bench.scratch.write(index, to: "features-\(scan)/index.csv")
      features.append((item, folder))
    }
    let folder = bench.scratch.path + "/clusters"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try SafetensorsWriter.write(
      [.init("centroids", [1, 0, 0, 5, 9, 9] as [Float], shape: [3, 2])],
      metadata: ["normalise": "none"], to: folder + "/centroids.safetensors")
    _ = try bench.scratch.write(assigned, to: "clusters/assignments.csv")
    let frames = try items.enumerated().map { ($1, try bench.frames(count: 4, shift: 9 * $0)) }
    return [
      "features": try bench.many("item", features), "clusters": .one(path: folder),
      "frames": try bench.many("item", frames),
    ]
  }

  @Test("the nearest come first and equals by their order; a small cluster shows no patch twice")
  func ranks() async throws {
    let bench = try AnalysisBench()
    let inputs = try Self.inputs(bench)
    try await bench.run("gallery", options: ["count": 4, "patch": [24, 24]], inputs: inputs)
    #expect(
      try bench.text("data") == """
        cluster,side,rank,item,row,frame,grid_row,grid_column,distance,structure,class
        0,near,1,a.mp4,0,0,0,0,0.0,shaft,Femur
        0,near,2,b.mp4,0,0,0,0,0.0,shaft,Femur
        0,near,3,a.mp4,1,1,1,2,1.0,shaft,Femur
        0,near,4,b.mp4,1,1,1,2,1.0,shaft,Femur
        0,far,1,b.mp4,2,2,2,4,2.0,unknown,Femur
        0,far,2,a.mp4,2,2,2,4,2.0,unknown,Femur
        1,near,1,a.mp4,3,3,3,6,0.0,unknown,Femur
        1,near,2,b.mp4,3,3,3,6,0.0,unknown,Femur

        """)
    let index = try String(
      contentsOfFile: JobLayout(folder: bench.folder).collectionIndex("sheets"), encoding: .utf8)
    for id in ["cluster-0", "cluster-1", "cluster-2"] { #expect(index.contains(id)) }
    let sheets = try (0..<3).map {
      try Data(contentsOf: URL(fileURLWithPath: bench.path("sheets") + "/\($0)"))
    }
    if let folder = ProcessInfo.processInfo.environment["FATHOM_KEEP_FIGURES"] {
      try sheets[0].write(to: URL(fileURLWithPath: folder + "/gallery.png"))
    }
    try await bench.run(
      "gallery", options: ["count": 4, "patch": [24, 24]], inputs: inputs, cpus: 2)
    for (number, sheet) in sheets.enumerated() {
      let path = bench.path("sheets") + "/\(number)"
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == sheet)
    }
  }

  @Test("structures that nobody knows are unknown")
  func unknown() async throws {
    let bench = try AnalysisBench()
    try await bench.run(
      "gallery", options: ["count": 1], inputs: try Self.inputs(bench, known: false))
    let lines = try bench.text("data").split(separator: "\n").dropFirst()
    #expect(lines.count == 4 && lines.allSatisfy { $0.hasSuffix(",unknown,unknown") })
  }

  @Test("features without frames are named")
  func noFrames() async throws {
    let bench = try AnalysisBench()
    let inputs = try Self.inputs(bench, items: ["a.mp4"])
    await #expect(
      throws: AnalysisBench.Failure(
        description: "features are of the item 'b.mp4', which has no frames; did you mean 'a.mp4'?")
    ) { try await bench.run("gallery", inputs: inputs) }
  }

  @Test("an index with another number of rows is an error that names it")
  func badIndex() async throws {
    let bench = try AnalysisBench()
    let inputs = try Self.inputs(bench)
    let path = bench.scratch.path + "/features-0/index.csv"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try text.split(separator: "\n").dropLast().joined(separator: "\n").write(
      toFile: path, atomically: true, encoding: .utf8)
    await #expect(
      throws: AnalysisBench.Failure(
        description: "'\(path)' has 3 rows; its features have another number")
    ) { try await bench.run("gallery", inputs: inputs) }
  }
}
