import Foundation
import StageKit
import TestKit
import Testing

@Suite("Index files")
struct IndexFileTests {
  private let rows = [["a", "tab\there"], ["line\nbreak\r", "back\\slash"], ["", "é"]]

  @Test("what was written reads back, as text and row by row from a file")
  func roundTrip() throws {
    let scratch = try Scratch()
    let table = IndexFile(columns: ["id", "path"], rows: rows)
    #expect(IndexFile(text: table.text) == table)
    let path = scratch.path + "/table.tsv"
    let writer = try IndexFileWriter(path: path, columns: table.columns)
    for row in rows { try writer.append(row) }
    try writer.close()
    #expect(try String(contentsOfFile: path, encoding: .utf8) == table.text)
    var read: [[String]] = []
    #expect(try IndexFile.forEachRow(ofFile: path, columns: ["id", "path"]) { read.append($0) })
    #expect(read == rows)
  }

  @Test("a row of another width, other columns and an empty file are no such table")
  func bad() throws {
    #expect(IndexFile(text: "id\tpath\nonly\n") == nil)
    #expect(IndexFile(text: "") == nil)
    let scratch = try Scratch()
    for text in ["", "id\n", "id\tplace\na\tb\n", "id\tpath\na\tb\tc\n"] {
      let path = try scratch.write(text, to: "bad.tsv")
      #expect(try !IndexFile.forEachRow(ofFile: path, columns: ["id", "path"]) { _ in })
    }
    #expect(throws: (any Error).self) {
      try IndexFile.forEachRow(ofFile: scratch.path + "/none", columns: []) { _ in }
    }
  }
}
