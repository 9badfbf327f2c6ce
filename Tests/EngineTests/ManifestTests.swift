import StageKit
import Testing

@testable import Engine

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

  @Test("entries read from their lines are those that were put in")
  func entries() throws {
    let artifacts = [Artifact.Form.file, .folder, .collection].enumerated().map { index, form in
      Artifact(form: form, digest: Digest(of: [UInt8(index)]), size: [0, 7, 1 << 40][index])
    }
    let collection = Collection(
      columns: ["item"],
      entries: zip(["a", "b", "c"], artifacts).map { .init(key: [$0], artifact: $1) })
    #expect(collection.count == 3)
    #expect((0..<3).map(collection.artifact(at:)) == artifacts)
    #expect(collection.size == 7 + 1 << 40)
    let one = Collection(columns: [], entries: [.init(key: [], artifact: artifacts[0])])
    #expect(Collection(bytes: one.bytes)?.entries.map(\.key) == [[]])
  }

  @Test("walking two collections meets every key once, in order, with escapes and without")
  func walk() {
    // Encoded, a control character and % order otherwise than they do by themselves.
    let sets = [
      (["a", "b", "d"], ["b", "c", "d", "e"]), ([], ["x"]), (["x"], []),
      (["a\u{1}", "a!", "a%", "a"], ["a", "a!", "a\n", "a&"]),
    ]
    for (left, right) in sets {
      func collection(_ keys: [String]) -> Collection {
        Collection(
          columns: ["item"], entries: keys.map { .init(key: [$0], artifact: artifact($0)) })
      }
      let (a, b) = (collection(left), collection(right))
      var met: [String] = []
      Collection.walk(a, b) { i, j in
        if let i, let j {
          #expect(a.key(at: i) == b.key(at: j))
          #expect(a.isSame(at: i, b, at: j))
        }
        met += i.map { a.key(at: $0) } ?? j.map { b.key(at: $0) } ?? []
      }
      let expected = Set(left + right).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      #expect(met == expected)
    }
  }

  @Test(
    "damaged bytes are no collection",
    arguments: [
      "fathom collection 2\nitem\n", "fathom collection 1\n", "fathom collection 1\nitem",
      "fathom collection 1\nitem\nfile\tabc\t1\tx\n",
      "fathom collection 1\nitem\nfile\tDIGEST\t-1\tx\n",
      "fathom collection 1\nitem\nfile\tDIGEST\t1\n",
      "fathom collection 1\nitem\nlink\tDIGEST\t1\tx\n",
      "fathom collection 1\nitem\nfile\tDIGEST\t1\tx\ty\n",
      "fathom collection 1\nseed\titem\nfile\tDIGEST\t1\tx\n",
      "fathom collection 1\nitem\nfile\tDIGEST\t99999999999999999999\tx\n",
    ])
  func damaged(_ text: String) {
    let bytes = text.replacing("DIGEST", with: Digest(of: []).hex).utf8
    #expect(Collection(bytes: Array(bytes)) == nil)
  }

  @Test("a digest is found where it stands, the first where several are equal")
  func index() {
    let digests = (0..<1000).map { Digest(of: Array("\($0 % 900)".utf8)) }
    let index = DigestIndex(count: digests.count) { digests[$0] }
    for (place, digest) in digests.enumerated() {
      #expect(index.place(of: digest) { digests[$0] } == place % 900)
    }
    #expect(index.place(of: Digest(of: [])) { digests[$0] } == nil)
    #expect(DigestIndex(count: 0) { digests[$0] }.place(of: digests[0]) { digests[$0] } == nil)
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
