import Engine
import Glibc
import StageKit
import Storage
import TestKit
import Testing

@Suite struct ActionRecordTests {
  let scratch: Scratch
  let store: ContentStore
  let record = ActionRecord(
    key: digest("key"),
    outputs: [
      .init(port: "summary", artifact: Artifact(form: .file, digest: digest("s"), size: 12)),
      .init(port: "clips", artifact: Artifact(form: .collection, digest: digest("c"), size: 0)),
      .init(port: "sheets", artifact: Artifact(form: .folder, digest: digest("f"), size: 1 << 40)),
    ],
    skipped: ["p01/new\nline.mp4", "p02/\"ä\" \\.mp4"], seconds: 0.1 + 0.2)

  init() throws {
    scratch = try Scratch()
    store = try scratch.openStore()
  }

  private var path: String {
    "store/actions/\(record.key.hex.prefix(2))/\(record.key.hex.dropFirst(2))"
  }

  @Test("a record comes back as it was saved, and goes when it is forgotten")
  func roundTrip() throws {
    #expect(try store.record(for: record.key) == nil)
    try store.save(record)
    #expect(try store.record(for: record.key) == record)
    var dear = record
    dear.seconds = 3600
    try store.save(dear)
    #expect(try scratch.openStore().record(for: record.key) == dear)
    try store.forget(record.key)
    try store.forget(record.key)
    #expect(try store.record(for: record.key) == nil)
  }

  @Test("a record is text that says its outputs")
  func text() throws {
    try store.save(
      ActionRecord(
        key: record.key, outputs: Array(record.outputs.prefix(1)), skipped: ["a"], seconds: 2))
    let lines = try scratch.read(path).split(separator: "\n")
    #expect(
      lines.dropLast() == [
        "fathom action 1", "key \(record.key.hex)"[...], "seconds 2.0",
        "out file \(digest("s").hex) 12 summary"[...], "skip \"a\"",
      ])
    #expect(lines.last?.hasPrefix("end ") == true)
  }

  @Test("a record that is torn, altered, empty or of another key counts as none")
  func damaged() throws {
    try store.save(record)
    let whole = try scratch.read(path)
    for length in [0, 1, 40, whole.utf8.count - 1] {
      try scratch.write(String(decoding: whole.utf8.prefix(length), as: UTF8.self), to: path)
      #expect(try store.record(for: record.key) == nil)
    }
    try scratch.write(whole.replacing(" 12 ", with: " 13 "), to: path)
    #expect(try store.record(for: record.key) == nil)
    let other = digest("other").hex
    try scratch.write(whole, to: "store/actions/\(other.prefix(2))/\(other.dropFirst(2))")
    #expect(try store.record(for: digest("other")) == nil)
  }

  @Test("what a killed process left in staging is no record and no object")
  func leftovers() throws {
    try store.save(record)
    let whole = try scratch.read(path)
    try store.forget(record.key)
    try scratch.write(whole, to: "store/staging/.incoming-0123456789abcdef")
    try scratch.write("half", to: "store/staging/job-0123456789abcdef/out")
    let next = try scratch.openStore()
    #expect(try next.record(for: record.key) == nil)
    #expect(!next.contains(digest("half")))
    try next.save(record)
    #expect(try next.record(for: record.key) == record)
  }
}
