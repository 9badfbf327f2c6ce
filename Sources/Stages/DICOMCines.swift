internal import DICOM
internal import Foundation
internal import StageKit
internal import Video

/// The DICOM files among a user's videos, as Matroska files of frames and times, so that nothing of
/// what they say of the patient reaches an artifact.
///
/// The files lie in a folder of their own, which goes with this object: whoever takes one in moves it.
final class DICOMCines {
  static let extensions: Set<String> = ["dcm", "dicom"]

  private let folder: String
  private var paths: [String: String] = [:]

  /// Writes all of them anew; one that cannot be is a problem of its video.
  init(
    of videos: [StageContext.Source], _ problems: inout ImportProblems, in context: StageContext
  ) throws {
    folder = NSTemporaryDirectory() + "/fathom-dicom-\(UUID().uuidString)"
    for (number, video) in videos.enumerated() where DICOMCines.isDICOM(video) {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      paths[video.id] = try problems.guarding(video.id) {
        try DICOMCines.remux(video, to: "\(folder)/\(number)", in: context)
      }
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Where the Matroska file of a DICOM video lies.
  subscript(id: String) -> String? { paths[id] }

  /// Whether a file is DICOM: by its name, or by its preamble where the name says nothing.
  static func isDICOM(_ source: StageContext.Source) -> Bool {
    let pathExtension = (source.id as NSString).pathExtension.lowercased()
    guard !extensions.contains(pathExtension) else { return true }
    // Part 10 files without an extension are common, and so are names of UIDs: 1.2.840.3
    guard pathExtension.allSatisfy(\.isNumber), source.size >= 132,
      let file = FileHandle(forReadingAtPath: source.path)
    else { return false }
    defer { try? file.close() }
    return (try? file.read(upToCount: 132))?.suffix(4) == Data("DICM".utf8)
  }

  /// - Throws: `StageFailure` naming the file, what is wrong and a way out
  private static func remux(
    _ source: StageContext.Source, to path: String, in context: StageContext
  ) throws -> String {
    // By its id: where the project lies is no part of an artifact, and may name a person.
    func failure(_ reason: String) -> StageFailure {
      StageFailure("\(reason); export the file again, or leave it out with 'pattern'")
    }
    do {
      let cine = try remuxDICOM(from: source.path, to: path)
      for note in cine.notes { context.log("'\(source.id)' \(note)") }
      return path
    } catch var error as DICOMError {
      error.path = source.id
      throw failure("\(error)")
    } catch var error as VideoError where error.code != .unwritable {
      error.path = source.id
      throw failure("\(error)")
    }
  }
}
