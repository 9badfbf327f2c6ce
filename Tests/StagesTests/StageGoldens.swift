import Foundation
import StageKit

/// What `Tests/Goldens/saliency/goldens.json` says of whole stages.
struct StageGoldens: Decodable {
  struct CleanGaze: Decodable {
    /// Rows of a gaze file.
    var rows: [[Value]]
    var size: [Int]
    var crop: [Int]
    /// Frame, x, y, bridged.
    var fixations: [[Double]]
  }

  struct LandmarkScores: Decodable {
    struct Item: Decodable {
      /// Frame, x, y, long axis, structure.
      var truth: [[Value]]
      /// Frame, x, y.
      var landmarks: [[Double]]
    }

    var items: [Item]
    var within: Double
    var landmarkDistance: Double
    var landmarkDistanceMean: Double
    var landmarksWithin: Double
    var structuresFound: Double
    var landmarksPerFrame: Double
  }

  var cleanGaze: CleanGaze
  var landmarkScores: LandmarkScores

  static func read(from file: String = #filePath) throws -> StageGoldens {
    let tests = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(
      StageGoldens.self,
      from: Data(contentsOf: tests.appending(path: "Goldens/saliency/goldens.json")))
  }
}
