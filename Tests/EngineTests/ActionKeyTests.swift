import Engine
import Pipelines
import StageKit
import Testing

@Suite("Action keys")
struct ActionKeyTests {
  private static let place = SourcePosition(path: "p.yaml", line: 1, column: 1)

  private func instance(_ work: Work, each: [String] = [], name: String = "stage") -> Instance {
    Instance(
      stage: name, address: name, axes: [], work: work, inputs: [],
      outputs: [OutputPort(name: "o", type: .any, form: .file, many: false, path: "o.txt")],
      each: each, files: [], environment: [], resources: Resources(), retries: Retries(),
      timeoutSeconds: nil, skipsFailedItems: false, frozen: false, tolerance: nil,
      description: nil,
      position: Self.place)
  }

  private struct NoFiles: FileDigests {
    func digests(of paths: [String]) throws -> [FileDigest?] { paths.map { _ in nil } }
  }

  private func key(_ instance: Instance, environment: [String: String] = [:]) -> ActionKey {
    ActionKey(
      of: instance, files: SourceFiles(project: "/p", digests: NoFiles()), environment: environment)
  }

  private func option(_ name: String, _ value: Value) -> Work.Option {
    Work.Option(name: name, value: value, position: nil, namesFiles: false)
  }

  @Test("the bytes of fixed keys never change without a new key version")
  func golden() {
    let command = key(instance(.command(Positioned("cat ${in.x} > ${out.o}", at: Self.place))))
    #expect(ActionKey.version == 1)
    #expect(
      command.digest.hex == "e062c88af9711002703611ae40d55b47914a8b4b416fa3622e8c78c9a240da1c")
    let kind = key(
      instance(
        .kind(
          "kmeans", version: 2,
          options: [
            option("clusters", 14), option("tolerance", 1e-4), option("normalise", "l2"),
            option("task", ["paces": [1, 2, 3, 4], "deep": ["a.b": true, "none": .null]]),
          ]), each: ["features"]))
    #expect(kind.digest.hex == "60453a280d180f1aef21f0bd469127c8dd78fb124dbc573a977c0322662c8be3")
    let base = Digest(of: Array("base".utf8))
    let item = kind.itemKey(
      base: base, item: "p1/scan.mp4", inputs: [("features", Digest(of: Array("x".utf8)))])
    #expect(item.hex == "cf6bdacd7584e44d82e1d856e09700747310307211df25010b559480606bdb61")
  }

  @Test("the components of a key are named, nested options leaf by leaf, in a fixed order")
  func components() {
    let work = Work.kind(
      "pretrain", version: 1,
      options: [
        option("task", ["pretext": "pace", "paces": [1, 2]]), option("clip", 8),
        option("empty", .map([])),
      ])
    #expect(
      key(instance(work)).fields.map(\.path) == [
        "kind", "version", "with.clip", "with.empty", "with.task.paces", "with.task.pretext",
      ])
  }

  @Test("a dot inside a name is not a level of nesting")
  func dots() {
    let flat = Work.kind("k", version: 1, options: [option("o", ["a.b": 1])])
    let nested = Work.kind("k", version: 1, options: [option("o", ["a": ["b": 1]])])
    #expect(key(instance(flat)).digest != key(instance(nested)).digest)
  }

  @Test(
    "values of different types have different keys",
    arguments: [
      (Value.integer(1), Value.string("1")), (.integer(1), .number(1)), (.null, .string("")),
      (.bool(true), .string("true")), (.list([]), .map([])), (.list(["a", "b"]), .list(["ab"])),
      (.list([.list(["a"]), "b"]), .list([.list(["a", "b"])])),
    ])
  func types(_ a: Value, _ b: Value) {
    func digest(_ value: Value) -> Digest {
      key(instance(.kind("k", version: 1, options: [option("o", value)]))).digest
    }
    #expect(digest(a) != digest(b))
  }

  @Test("the name of a stage, its resources and its time limit are not part of the key")
  func notInKey() {
    let work = Work.command(Positioned("true", at: Self.place))
    var other = instance(work, name: "renamed")
    other.resources = Resources(cpu: 8, memoryBytes: 1 << 30)
    other.timeoutSeconds = 5
    other.description = "other words"
    other.retries = Retries(times: 3, backoffSeconds: 1)
    #expect(key(instance(work)).digest == key(other).digest)
  }

  @Test("swapping the inputs of two ports is another action")
  func swappedInputs() {
    let a = Digest(of: Array("a".utf8))
    let b = Digest(of: Array("b".utf8))
    func binding(_ port: String) -> InputBinding {
      InputBinding(
        port: port, type: .any, many: false, columns: [], sources: [], position: Self.place)
    }
    let plain = key(instance(.command(Positioned("true", at: Self.place))))
    let one = plain.adding(inputs: [(binding("x"), a), (binding("y"), b)])
    let two = plain.adding(inputs: [(binding("x"), b), (binding("y"), a)])
    #expect(one.digest != two.digest)
    #expect(
      Explanation(from: one.fields, to: two.fields).changes.map(\.path) == ["in.x", "in.y"])
  }

  @Test("a variable that is passed through has its value in the key, an absent one null")
  func environment() {
    var passing = instance(.command(Positioned("true", at: Self.place)))
    passing.environment = [
      EnvironmentVariable(name: "SITE", value: nil, position: Self.place)
    ]
    let absent = key(passing)
    let oxford = key(passing, environment: ["SITE": "oxford", "OTHER": "1"])
    #expect(absent.digest != oxford.digest)
    #expect(oxford.digest == key(passing, environment: ["SITE": "oxford"]).digest)
    let change = Explanation(from: absent.fields, to: oxford.fields).changes
    #expect(change.map(\.path) == ["env.SITE"])
    #expect(change.first?.old == .null)
    #expect(change.first?.new == "oxford")
  }
}

@Suite("Explanations")
struct ExplanationTests {
  private func field(_ path: String, _ value: Value) -> ActionField {
    ActionField(path: path, value: value, position: nil)
  }

  @Test("new, changed and gone components are all named, and the equal ones counted")
  func changes() {
    let explanation = Explanation(
      from: [field("kind", "k"), field("with.a", 1), field("with.b", 2), field("in.x", "d")],
      to: [field("kind", "k"), field("with.a", 3), field("with.c", 4), field("in.x", "d")])
    #expect(explanation.changes.map(\.path) == ["with.a", "with.c", "with.b"])
    #expect(explanation.changes.map(\.old) == [1, nil, 2])
    #expect(explanation.changes.map(\.new) == [3, 4, nil])
    #expect(explanation.unchanged == ["kind": 1, "input": 1])
    #expect(explanation.summary == "with.a, with.c, with.b")
  }
}
