public import StageKit

/// Everything a pipeline asks for, expanded and checked: an immutable value.
///
/// Instances are in topological order: a producer comes before its consumers; otherwise in the
/// order of the file, then of the matrix.
public struct Plan: Sendable {
  /// The name in `pipeline:`.
  public var name: String
  /// The pipeline file, as the user named it.
  public var path: String
  /// The folder that relative paths of `files:` and `files` options start at: the project.
  public var project: String
  /// SHA-256 of the canonical pipeline after includes, profiles and overrides.
  public var digest: Digest
  /// Params after overrides, for provenance.
  public var params: Value
  /// The names of the profiles that were applied, left to right.
  public var profiles: [String]
  public var instances: [Instance]

  public init(
    name: String, path: String, project: String, digest: Digest, params: Value,
    profiles: [String], instances: [Instance]
  ) {
    self.name = name
    self.path = path
    self.project = project
    self.digest = digest
    self.params = params
    self.profiles = profiles
    self.instances = instances
  }
}

/// A stage at one point of its matrix.
public struct Instance: Sendable {
  /// The stage's name.
  public var stage: String
  /// `pretrain@method=pace,seed=0`; the stage's name where it has no matrix.
  public var address: String
  /// Axis → name of the value, in the order declared.
  public var axes: [AxisValue]
  public var work: Work
  /// The inputs, sorted by port.
  public var inputs: [InputBinding]
  /// The outputs, in the order of the catalogue or of the file.
  public var outputs: [OutputPort]
  /// The ports that an `each:` maps over, the first one deciding; empty where the stage runs whole.
  public var each: [String]
  /// Patterns of `files:` in the order written, with their positions.
  public var files: [Positioned<String>]
  /// Declared environment variables, sorted by name; `nil` passes the caller's value through.
  public var environment: [EnvironmentVariable]
  public var resources: Resources
  public var retries: Retries
  /// Seconds until the job (of an `each:` stage: an item) is stopped.
  public var timeoutSeconds: Double?
  public var skipsFailedItems: Bool
  /// Never runs again once it has a result.
  public var frozen: Bool
  /// How far what it makes may be from what it made before; `nil` where not a byte.
  public var tolerance: Tolerance?
  public var description: String?
  /// Where the stage is declared.
  public var position: SourcePosition

  public init(
    stage: String, address: String, axes: [AxisValue], work: Work, inputs: [InputBinding],
    outputs: [OutputPort], each: [String], files: [Positioned<String>],
    environment: [EnvironmentVariable], resources: Resources, retries: Retries,
    timeoutSeconds: Double?, skipsFailedItems: Bool, frozen: Bool, tolerance: Tolerance?,
    description: String?,
    position: SourcePosition
  ) {
    self.stage = stage
    self.address = address
    self.axes = axes
    self.work = work
    self.inputs = inputs
    self.outputs = outputs
    self.each = each
    self.files = files
    self.environment = environment
    self.resources = resources
    self.retries = retries
    self.timeoutSeconds = timeoutSeconds
    self.skipsFailedItems = skipsFailedItems
    self.frozen = frozen
    self.tolerance = tolerance
    self.description = description
    self.position = position
  }
}

/// How far apart the outputs of one action may be.
public struct Tolerance: Hashable, Sendable {
  /// Largest relative difference of a number; of magnitudes below 1 absolute.
  public var share: Double
  /// A kind promises it between types of processor; what a stage declares counts everywhere.
  public var betweenProcessorsOnly: Bool

  public init(share: Double, betweenProcessorsOnly: Bool) {
    self.share = share
    self.betweenProcessorsOnly = betweenProcessorsOnly
  }
}

/// A value and the place where the user wrote it.
public struct Positioned<Wrapped: Hashable & Sendable>: Hashable, Sendable {
  public var value: Wrapped
  public var position: SourcePosition

  public init(_ value: Wrapped, at position: SourcePosition) {
    self.value = value
    self.position = position
  }
}

public struct AxisValue: Hashable, Sendable {
  public var axis: String
  /// The value's text in a list, its key in a map; not percent-encoded.
  public var name: String

  public init(axis: String, name: String) {
    self.axis = axis
    self.name = name
  }
}

/// What an instance does.
public enum Work: Sendable {
  /// A kind of the catalogue with its options after defaults, in canonical form.
  case kind(String, version: Int, options: [Option])
  /// A command's text. `${in.x}`, `${out.x}` and `${project}` stand unresolved, so that no path of
  /// this machine is part of the work; all other references are resolved. `$${` is still written
  /// so: the executor makes it `${`.
  case command(Positioned<String>)

  /// One option as the key, the explanation and the job need it.
  public struct Option: Sendable {
    public var name: String
    public var value: Value
    /// Where the user wrote it; `nil` for a default.
    public var position: SourcePosition?
    /// Set for an option of shape `files`: the path is listed and digested by the engine and the
    /// path's own text stays out of the key.
    public var namesFiles: Bool
    /// Where lists and maps inside the value were written, by dotted path below the option
    /// (`paces`, `paces.2`), so that an explanation points at the very line.
    public var nested: [String: SourcePosition]

    public init(
      name: String, value: Value, position: SourcePosition?, namesFiles: Bool,
      nested: [String: SourcePosition] = [:]
    ) {
      self.name = name
      self.value = value
      self.position = position
      self.namesFiles = namesFiles
      self.nested = nested
    }
  }
}

/// What flows into one input port.
public struct InputBinding: Sendable {
  public var port: String
  public var type: ArtifactType
  /// Whether the port takes a collection.
  public var many: Bool
  /// Whether the stage does without it: an item that an `each:` port lacks then runs without it.
  public var optional: Bool
  /// The key columns of the collection: gathered axes, then `item` where an `each:` or a
  /// collection output is gathered. Empty for one artifact.
  public var columns: [String]
  /// Where the artifacts come from. One entry for a plain reference; one for each gathered point
  /// of the producer's matrix otherwise.
  public var sources: [Source]
  /// Where the reference was written.
  public var position: SourcePosition

  public struct Source: Sendable {
    /// Index of the producer in `Plan.instances`.
    public var producer: Int
    public var port: String
    /// The values of the gathered axes, in the order of `columns`.
    public var key: [String]

    public init(producer: Int, port: String, key: [String]) {
      self.producer = producer
      self.port = port
      self.key = key
    }
  }

  public init(
    port: String, type: ArtifactType, many: Bool, optional: Bool = false, columns: [String],
    sources: [Source], position: SourcePosition
  ) {
    self.port = port
    self.type = type
    self.many = many
    self.optional = optional
    self.columns = columns
    self.sources = sources
    self.position = position
  }
}

/// One output port of an instance.
public struct OutputPort: Hashable, Sendable {
  public var name: String
  public var type: ArtifactType
  public var form: ArtifactForm
  /// A collection made by the stage itself (`videos m`); an `each:` stage's outputs are
  /// collections as well, of this form, without this flag.
  public var many: Bool
  /// Where a command writes it, relative to its folder; `nil` for kinds.
  public var path: String?
  /// What the names of its items' links end with.
  public var fileExtension: String?

  public init(
    name: String, type: ArtifactType, form: ArtifactForm, many: Bool, path: String?,
    fileExtension: String? = nil
  ) {
    self.name = name
    self.type = type
    self.form = form
    self.many = many
    self.path = path
    self.fileExtension = fileExtension
  }
}

public struct EnvironmentVariable: Hashable, Sendable {
  public var name: String
  /// `nil`: the value of the caller's environment.
  public var value: String?
  public var position: SourcePosition

  public init(name: String, value: String?, position: SourcePosition) {
    self.name = name
    self.value = value
    self.position = position
  }
}

/// What an instance asks of the machine. Never part of the key.
public struct Resources: Hashable, Sendable {
  /// Processors, at least 1.
  public var cpu: Int
  public var memoryBytes: Int
  public var gpu: Int
  /// Seconds the user expects it to take, for schedulers that want to know.
  public var timeSeconds: Double?
  /// Resources of the user's own naming, sorted by name.
  public var named: [String: Int]

  public init(
    cpu: Int = 1, memoryBytes: Int = 0, gpu: Int = 0, timeSeconds: Double? = nil,
    named: [String: Int] = [:]
  ) {
    self.cpu = cpu
    self.memoryBytes = memoryBytes
    self.gpu = gpu
    self.timeSeconds = timeSeconds
    self.named = named
  }
}

public struct Retries: Hashable, Sendable {
  /// How often a failed job is tried again.
  public var times: Int
  /// Seconds before the first retry; doubled for each one after.
  public var backoffSeconds: Double

  public init(times: Int = 0, backoffSeconds: Double = 1) {
    self.times = times
    self.backoffSeconds = backoffSeconds
  }
}
