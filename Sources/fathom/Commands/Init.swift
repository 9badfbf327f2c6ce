import ArgumentParser
import Foundation
import StageKit

/// `fathom init`.
struct Init: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Make a project here: settings, a first pipeline, and its schema for editors.")

  @OptionGroup var common: CommonOptions

  func run() throws {
    try common.begin()
    let session = try Session()
    var made: [String] = []
    try keep(Init.settings, at: ".fathom/config.yaml", &made)
    try keep(Init.pipeline, at: "Pipelines/first.yaml", &made)
    try keep("Hello, fathom\n", at: "Pipelines/greeting.txt", &made)
    try keep("/Artifacts/*\n!/Artifacts/README.md\n", at: ".gitignore", &made)
    try keep(Init.artifacts, at: "Artifacts/README.md", &made)
    let schema = try SchemaVerb.text(session)
    try keep(schema, at: "Pipelines/pipeline.schema.json", &made)
    if common.json {
      let document: Value = [
        "schema_version": 1, "project": .string(FileManager.default.currentDirectoryPath),
        "made": .list(made.map { .string($0) }),
      ]
      Terminal.standardOutput.write(document.json + "\n")
    } else if !common.quiet {
      for path in made { Terminal.standardOutput.write("made  \(path)\n") }
      Terminal.standardOutput.write(
        made.isEmpty ? "everything was there already\n" : "next  fathom run\n")
    }
  }

  /// Writes a file unless something stands there.
  private func keep(_ text: String, at path: String, _ made: inout [String]) throws {
    guard !FileManager.default.fileExists(atPath: path) else { return }
    let url = URL(fileURLWithPath: path)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
    made.append(path)
  }

  private static let settings = """
    # Settings of this project; all are optional.
    # store: /data/fathom-store       # may be shared by projects and people
    # resources: { cpu: 8, memory: 32GiB, licence: 2 }
    # readable: [.venv]               # what all run: commands may read beside their inputs

    """

  private static let pipeline = """
    # yaml-language-server: $schema=pipeline.schema.json
    pipeline: first
    stages:
      shout:
        run: tr a-z A-Z < Pipelines/greeting.txt > ${out.loud}
        files: [Pipelines/greeting.txt]
        out: { loud: loud.txt }
      count:
        run: wc -c < ${in.text} > ${out.bytes}
        in: { text: shout.loud }
        out: { bytes: bytes.txt }

    """

  private static let artifacts = """
    # Artifacts

    What fathom keeps of this project; only this file is committed.

    - `latest/<pipeline>/<instance>/<port>`: the newest outputs, as links.
    - `fathom.db`: every run, job, metric and table cell (`fathom sql`). Never delete it.
    - `logs/<run>/`: what jobs printed.
    - `store/`: the artifacts by digest. It may be deleted at any time; runs make it again.

    """
}
