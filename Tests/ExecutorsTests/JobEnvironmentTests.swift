import Executors
import StageKit
import Testing

@Suite("The environment of a job")
struct JobEnvironmentTests {
  let caller = [
    "PATH": "/bin", "HOME": "/home/a", "LANG": "C.UTF-8", "LC_ALL": "C", "TERM": "xterm",
    "AWS_SECRET_ACCESS_KEY": "hush", "PYTHONPATH": "/odd", "TMPDIR": "/tmp", "FATHOM_JOBS": "9",
    "OMP_NUM_THREADS": "64", "LD_PRELOAD": "x.so",
  ]
  let layout = JobLayout(folder: "/s/job")

  @Test("of a command is the allow-list, what is declared, and what the job gives it")
  func command() {
    let environment = JobEnvironment.command(
      caller: caller, declared: ["LC_ALL": "de_DE", "MODE": "fast", "FATHOM_CPUS": "99"],
      stage: "a@seed=1", run: "7", layout: layout, checkpointFolder: "/s/check", cpus: 2)
    #expect(
      environment == [
        "PATH": "/bin", "HOME": "/home/a", "LANG": "C.UTF-8", "LC_ALL": "de_DE", "MODE": "fast",
        "TERM": "dumb", "TMPDIR": "/s/job/tmp", "XDG_CACHE_HOME": "/s/job/tmp/cache",
        "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2", "FATHOM_STAGE": "a@seed=1", "FATHOM_RUN": "7",
        "FATHOM_CHECKPOINT_DIR": "/s/check", "FATHOM_CPUS": "2",
      ])
  }

  @Test(
    "of a worker names OpenBLAS's kernels where all processors have AVX-512",
    arguments: [
      ("flags\t\t: fpu avx2 avx512f avx512vl\nflags\t\t: fpu avx512f\n", true),
      ("flags\t\t: fpu avx2\n", false), ("flags\t\t: fpu avx512f\nflags\t\t: fpu\n", false),
      ("flags\t\t: avx512fp16\n", false), ("", false),
    ])
  func worker(processor: String, hasIt: Bool) {
    let environment = JobEnvironment.worker(
      caller: caller, layout: layout, cpus: 1, processor: processor)
    #expect(environment["OPENBLAS_CORETYPE"] == (hasIt ? "SKYLAKEX" : nil))
    #expect(environment["OMP_WAIT_POLICY"] == "active")
    #expect(environment["GOMP_SPINCOUNT"] == "10000")
    #expect(environment["AWS_SECRET_ACCESS_KEY"] == nil)
    #expect(environment["TMPDIR"] == "/s/job/tmp")
  }
}
