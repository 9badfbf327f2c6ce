import Engine
import StageKit
import Testing

@Suite("Manifests")
struct ManifestTests {
  private func artifact(_ text: String) -> Artifact {
    Artifact(form: .file, digest: Digest(of: Array(text.utf8)), size: text.utf8.count)
  }

  @Test("a collection's manifest is sorted by key and reads back, whatever the keys hold")
  func collections() throws {
    let keys = [["b", "x"], ["a", "tab\tnewline\n100 %"], ["a", "é/ü.mp4"], ["", ""]]
    let collection = Collection(
      columns: ["method", "item"],
      entries: keys.map { Collection.Entry(key: $0, artifact: artifact($0.joined())) })
    let again = try #require(Collection(bytes: collection.bytes))
    #expect(again == collection)
    #expect(again.entries.map(\.key) == [["", ""], keys[1], keys[2], keys[0]])
    let shuffled = Collection(columns: collection.columns, entries: collection.entries.reversed())
    #expect(shuffled.bytes == collection.bytes)
  }

  @Test("a key that occurs twice is found")
  func duplicates() {
    let entry = Collection.Entry(key: ["a"], artifact: artifact("1"))
    let other = Collection.Entry(key: ["b"], artifact: artifact("2"))
    #expect(Collection(columns: ["item"], entries: [entry, other, entry]).duplicateKey == ["a"])
    #expect(Collection(columns: ["item"], entries: [entry, other]).duplicateKey == nil)
  }

  @Test("a folder's manifest reads back; damaged bytes are no manifest")
  func folders() throws {
    let digest = Digest(of: Array("x".utf8))
    let folder = FolderManifest([
      .init(path: "z/line\nbreak", digest: digest, size: 1),
      .init(path: "a b.csv", digest: digest, size: 2),
    ])
    #expect(FolderManifest(bytes: folder.bytes) == folder)
    #expect(folder.files.map(\.path) == ["a b.csv", "z/line\nbreak"])
    #expect(folder.size == 3)
    #expect(FolderManifest(bytes: Array(folder.bytes.dropFirst())) == nil)
    #expect(FolderManifest(bytes: Array("fathom folder 1\nabc 1 x\n".utf8)) == nil)
    #expect(Collection(bytes: folder.bytes) == nil)
    #expect(Collection(bytes: []) == nil)
  }
}
