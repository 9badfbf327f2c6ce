import Foundation

/// A file of `Tests/Goldens`.
func golden(_ name: String) throws -> Data {
  try Data(
    contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Goldens/\(name)"))
}

extension Workbench {
  /// Puts `a.mp4`, `b.avi`, … into a folder of the project: clips of 6 frames of [48, 64] pixels in
  /// 0.24 s.
  func addClips(_ count: Int, to folder: String) throws {
    for (name, file) in Workbench.clips.prefix(count) {
      try write(golden("video/\(file)"), to: "\(folder)/\(name)")
    }
  }

  private static let clips = [
    ("a.mp4", "h264.mp4"), ("b.avi", "mjpeg.avi"), ("c.mkv", "rgb.mkv"), ("d.mkv", "ten_bit.mkv"),
  ]

  /// The files below a folder of the project or a link to one, by their paths in it.
  func contents(of folder: String) throws -> [String: Data] {
    let root = URL(fileURLWithPath: path(folder)).resolvingSymlinksInPath().path
    var contents: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: root) {
      // Links are followed; folders are not files.
      let file = URL(fileURLWithPath: "\(root)/\(name)").resolvingSymlinksInPath()
      contents[name] = try? Data(contentsOf: file)
    }
    return contents
  }
}
