import Engine
import Executors
import Foundation
import Glibc
import StageKit
import TestKit
import Testing

@Suite("An isolated command")
struct IsolationTests {
  @Test(
    "cannot read an undeclared file of the project",
    arguments: [
      "cat $PROJECT/secret.txt", "cat ../../../../../secret.txt", "cat link", "ls $PROJECT",
      "ls ../..", "cat /proc/self/root$PROJECT/secret.txt", "cat $PROJECT/Artifacts/latest/o",
      "ln $PROJECT/secret.txt stolen && cat stolen", "cd $PROJECT && cat secret.txt",
      "python3 -c 'open(\"'$PROJECT'/secret.txt\")'", "cat ../../other/work/out",
    ])
  func cannotRead(command: String) async throws {
    let bench = try prepared()
    let outcome = try await bench.shell("\(command) || exit 7", isolated: true)
    #expect(outcome.exitCode == 7, "\(bench.log)")
    #expect(!bench.log.contains("hush"))
    let free = try await bench.shell("cat $PROJECT/secret.txt")
    #expect(free.exitCode == 0, "without isolation it can")
  }

  @Test(
    "cannot write outside its own folders",
    arguments: [
      "touch $PROJECT/new", "echo > $PROJECT/secret.txt", "rm $PROJECT/secret.txt",
      "touch $PROJECT/../beside", "mkdir $PROJECT/../folder", "mv out ../../../../../moved",
      "echo >> $PROJECT/../outside.txt", "touch ~/fathom-isolation", "rm ../in/declared",
      "truncate -s 0 ../in/declared", "echo > ../exit.json",
    ])
  func cannotWrite(command: String) async throws {
    let bench = try prepared()
    let outcome = try await bench.shell(
      "export HOME=$PROJECT/../home; echo 1 > out; \(command) || exit 7", isolated: true)
    #expect(outcome.exitCode == 7, "\(bench.log)")
    #expect(try bench.scratch.read("project/secret.txt") == "hush")
    #expect(try bench.scratch.read("outside.txt") == "outside")
  }

  @Test(
    "can do what commands do",
    arguments: [
      "cat declared-link", "cat ../in/declared", "ls ../in", "cat $PROJECT/../outside.txt",
      "echo 1 > /dev/null", "echo 1 > /dev/stdout", "echo 1 > /dev/stderr", "cat <(echo 1)",
      "echo 1 > \"$TMPDIR/x\"; mv \"$TMPDIR/x\" y; cat y",
      "mkdir -p a/b && cd a/b && touch c && ls",
      "rm -rf a; mkdir a; ln -s a b; rmdir a",
      "python3 -c 'import json, tempfile; "
        + "tempfile.TemporaryFile()'", "cat <<< text", "head -c 9 /dev/urandom > random", "pwd",
      "printf '#!/bin/sh\\nexit 0' > s; chmod +x s; ./s", "echo 1 > out; : > out; mkfifo f",
      "python3 -c 'import multiprocessing; multiprocessing.Lock()'",
    ])
  func can(command: String) async throws {
    let bench = try prepared()
    let outcome = try await bench.shell(
      "set -e; \(command)", isolated: true,
      readable: [
        bench.project + "/declared.txt"
      ])
    #expect(outcome.exitCode == 0, "\(bench.log)")
  }

  @Test("can read a declared folder of the project, and not what lies beside it")
  func declaredFolder() async throws {
    let bench = try prepared()
    try bench.scratch.write("1", to: "project/data/deep/one")
    try bench.scratch.write("hush", to: "project/data2/two")
    let readable = [bench.project + "/data"]
    #expect(
      try await bench.shell(
        "cat $PROJECT/data/deep/one && ls $PROJECT/data", isolated: true, readable: readable
      ).exitCode == 0)
    #expect(
      try await bench.shell("cat $PROJECT/data2/two", isolated: true, readable: readable).exitCode
        == 1)
  }

  @Test("is isolated from a project that is named by a path with a symbolic link")
  func linkedProject() async throws {
    let bench = try prepared()
    let alias = bench.scratch.path + "/alias"
    try FileManager.default.createSymbolicLink(
      atPath: alias, withDestinationPath: bench.project)
    var request = bench.request(["/bin/bash", "-c", "cat $PROJECT/secret.txt"], isolated: true)
    request.isolation?.hidden = [alias, alias + "/Artifacts", bench.project + "/gone"]
    #expect(try await bench.executor.run(request) { _ in }.exitCode == 1)
    #expect(!bench.log.contains("hush"))
  }

  @Test("is isolated from several folders, one within the other or beside it")
  func severalHidden() async throws {
    let bench = try prepared()
    try bench.scratch.write("hush", to: "store/objects/ab")
    try bench.scratch.write("open", to: "storehouse/ab")
    let scratch = bench.scratch.path
    var request = bench.request(
      [
        "/bin/bash", "-c",
        "cat $PROJECT/../store/objects/ab $PROJECT/secret.txt; cat ~+/link;"
          + " cat $PROJECT/../storehouse/ab",
      ], isolated: true)
    request.isolation?.hidden = [
      bench.project + "/Artifacts", scratch + "/store", bench.project, bench.layout.folder,
    ]
    #expect(try await bench.executor.run(request) { _ in }.exitCode == 0)
    #expect(!bench.log.contains("hush") && bench.log.hasSuffix("open"))
  }

  @Test("sees of a folder that everybody may write to only what it names")
  func sharedFolder() async throws {
    let bench = try prepared()
    let beside = try Scratch()
    let shared = URL(fileURLWithPath: beside.path).deletingLastPathComponent()
    var status = stat()
    guard stat(shared.path(percentEncoded: false), &status) == 0, status.st_mode & S_ISVTX != 0
    else { return }  // a temporary folder of one's own
    let file = try beside.write("beside", to: "file")
    #expect(try await bench.shell("cat \(file)", isolated: true).exitCode == 0)
    let unnamed = "cat $PROJECT/../../$(basename \(beside.path.dropFirst()))/file"
    #expect(try await bench.shell(unnamed, isolated: true).exitCode == 1)
    #expect(try await bench.shell(unnamed).exitCode == 0, "without isolation it does")
  }

  /// A project with a secret, a declared input, the work of another job, and links to them.
  private func prepared() throws -> JobBench {
    var bench = try JobBench()
    bench.environment["PROJECT"] = bench.project
    bench.environment["HOME"] = bench.scratch.path + "/home"
    bench.environment["TMPDIR"] = bench.layout.temporary
    bench.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    let files = FileManager.default
    try bench.scratch.write("hush", to: "project/secret.txt")
    try bench.scratch.write("told", to: "project/declared.txt")
    try bench.scratch.write("outside", to: "outside.txt")
    try bench.scratch.write("", to: "home/.profile")
    try bench.scratch.write("hush", to: "project/Artifacts/store/staging/other/work/out")
    try files.createDirectory(
      atPath: bench.project + "/Artifacts/latest", withIntermediateDirectories: true)
    for (link, target) in [
      (bench.layout.work + "/link", "secret.txt"),
      (bench.project + "/Artifacts/latest/o", "secret.txt"),
      (bench.layout.work + "/declared-link", "declared.txt"),
      (bench.layout.inputs + "/declared", "declared.txt"),
    ] {
      try files.createSymbolicLink(
        atPath: link, withDestinationPath: "\(bench.project)/\(target)")
    }
    return bench
  }
}
