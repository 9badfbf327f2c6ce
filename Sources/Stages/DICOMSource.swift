internal import DICOM
internal import Foundation
internal import StageKit
internal import Video

/// DICOM files among a user's videos: they are taken in as Matroska files of frames and times, so
/// that nothing of what they say of the patient reaches an artifact.
enum DICOMSource {
  static let extensions: Set<String> = ["dcm", "dicom"]

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
  static func write(
    _ source: StageContext.Source, to output: Output, id: String, in context: StageContext
  ) throws {
    do {
      let cine = try remuxDICOM(from: source.path, to: context.path(output, id: id))
      for note in cine.notes { context.log("'\(id)' \(note)") }
    } catch let error as DICOMError {
      throw StageFailure("\(error); export the file again, or leave it out with 'pattern'")
    } catch let error as VideoError {
      throw StageFailure("\(error); export the file again, or leave it out with 'pattern'")
    }
  }
}
