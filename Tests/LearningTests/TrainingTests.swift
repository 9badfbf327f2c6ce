import Foundation
import Learning
import Synchronization
import TestKit
import Testing

extension LearningTests {
  @Suite("training") struct TrainingTests {
    private let scratch: Scratch
    private let path: String

    init() throws {
      scratch = try Scratch()
      path = scratch.path + "/checkpoint.safetensors"
    }

    /// The bytes of the final checkpoint: weights, momentum, statistics, position.
    private func finalBytes(_ training: TinyTraining = TinyTraining()) throws -> Data {
      let path = scratch.path + "/undisturbed.safetensors"
      try? FileManager.default.removeItem(atPath: path)
      var training = training
      training.options.checkpoint = path
      #expect(try training.run().isComplete)
      return try Data(contentsOf: URL(fileURLWithPath: path))
    }

    @Test(
      "the same training twice gives the same bytes at each number of threads", arguments: [1, 2])
    func repeatable(threads: Int) throws {
      let training = TinyTraining(threads: threads)
      #expect(try finalBytes(training) == finalBytes(training))
    }

    @Test("other seeds of batches or of the network give other bytes")
    func seeds() throws {
      let bytes = try finalBytes()
      #expect(try finalBytes(TinyTraining(source: BrightHalves(seed: 4))) != bytes)
      #expect(try finalBytes(TinyTraining(seed: 1)) != bytes)
    }

    @Test("stopped before any step and taken up, it ends with the same bytes and the same means")
    func stopped() throws {
      func epochs(_ events: [TrainingEvent]) -> [[Double]] {
        events.compactMap {
          guard case .epoch(let epoch) = $0 else { return nil }
          return [Double(epoch.epoch), epoch.loss, epoch.metrics["accuracy"] ?? .nan]
        }
      }
      var undisturbed: [TrainingEvent] = []
      var training = TinyTraining()
      training.options.checkpoint = scratch.path + "/undisturbed.safetensors"
      _ = try training.run { undisturbed.append($0) }
      let expected = try Data(
        contentsOf: URL(fileURLWithPath: scratch.path + "/undisturbed.safetensors"))

      training.options.checkpoint = path
      var events: [TrainingEvent] = []
      for stop in [0, 1, 4, 5, 13, 23] {
        var done = -1
        let end = try training.run(
          shouldStop: { done >= stop || (done < 0 && stop == 0) },
          report: {
            if case .step(let step) = $0 { done = step.step + 1 }
            events.append($0)
          })
        #expect(end.steps == stop && !end.isComplete)
        #expect(FileManager.default.fileExists(atPath: path))
      }
      let end = try training.run { events.append($0) }
      #expect(end.steps == 24 && end.isComplete)
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == expected)
      #expect(epochs(events) == epochs(undisturbed))
      #expect(epochs(events).map { $0[0] } == [0, 1, 2, 3])
      // Complete: nothing is left to do.
      #expect(try training.run { _ in Issue.record("a step after the last") }.steps == 24)
    }

    @Test("it learns, and reports steps, epochs and checkpoints in order")
    func reports() throws {
      var training = TinyTraining(clipped: 1e6)
      training.options.checkpoint = path
      training.options.checkpointEvery = 10
      var (steps, losses, checkpoints) = ([Int](), [Double](), [Int]())
      var norms: [Double] = []
      let end = try training.run { event in
        switch event {
        case .step(let step):
          steps.append(step.step)
          norms.append(try #require(step.gradientNorm))
          #expect(step.rate > 0)
        case .epoch(let epoch): losses.append(epoch.loss)
        case .checkpoint(let steps): checkpoints.append(steps)
        }
      }
      #expect(steps == Array(0..<24))
      #expect(checkpoints == [10, 20, 24])
      #expect(losses.count == 4)
      #expect(try #require(losses.last) < 0.6 * #require(losses.first))
      #expect(norms.allSatisfy { $0 > 0 && $0.isFinite })
      #expect((0...1).contains(end.time.waitingShare))
      #expect(!FileManager.default.fileExists(atPath: path + ".new"))
    }

    // MARK: Batches

    @Test("no more batches are made ahead than the queue holds, on another thread")
    func bounded() throws {
      let made = Mutex(0)
      let isElsewhere = Mutex(true)
      let main = pthread_self()
      var training = TinyTraining()
      training.source.change = { _, _ in
        made.withLock { $0 += 1 }
        if pthread_equal(main, pthread_self()) != 0 { isElsewhere.withLock { $0 = false } }
      }
      training.options.queue = 3
      var used = 0
      _ = try training.run { event in
        guard case .step = event else { return }
        used += 1
        if used == 1 { Thread.sleep(forTimeInterval: 0.2) }
        // Three wait, and one is made but not in the queue yet.
        #expect(made.withLock { $0 } <= used + 4)
        if used == 1 { #expect(made.withLock { $0 } >= 4) }
      }
      #expect(made.withLock { $0 } == 24)
      #expect(isElsewhere.withLock { $0 })
    }

    @Test("time without a batch is measured")
    func waiting() throws {
      let done = Mutex(0)
      let made = Mutex(0)
      var training = TinyTraining()
      training.options.steps = 10
      // Each batch is begun when the one before it is used up.
      training.source.change = { step, _ in
        while done.withLock({ $0 }) < step { usleep(100) }
        usleep(20_000)
      }
      let slow = try training.run { if case .step = $0 { done.withLock { $0 += 1 } } }
      #expect(slow.time.waitingSeconds >= 9 * 0.02)
      #expect(slow.time.waitingSeconds <= slow.time.seconds)
      // Each step begins when the queue is full.
      training.source.change = { _, _ in made.withLock { $0 += 1 } }
      var used = 0
      let fast = try training.run { event in
        guard case .step = event else { return }
        used += 1
        while made.withLock({ $0 }) < min(10, used + 2) { usleep(100) }
      }
      #expect(fast.time.waitingSeconds < slow.time.waitingSeconds / 2)
      #expect(fast.time.waitingShare < slow.time.waitingShare)
    }

    @Test("an error of the source ends the training with that error")
    func failingSource() throws {
      struct Broken: Error, Equatable {}
      var training = TinyTraining()
      training.source.change = { step, _ in if step == 7 { throw Broken() } }
      var last = -1
      #expect(throws: Broken()) {
        _ = try training.run { if case .step(let step) = $0 { last = step.step } }
      }
      #expect(last == 6)
    }

    @Test("batches that do not fit and impossible settings are refused with what was expected")
    func refusals() throws {
      var training = TinyTraining()
      training.source.change = { _, batch in batch.values.removeLast() }
      #expect(
        message { _ = try training.run() } == "383 values for an input of shape [6, 1, 8, 8]")
      training.source.change = { _, _ in }
      training.options.stepsPerEpoch = 0
      #expect(
        message { _ = try training.run() }
          == "24 steps, 0 an epoch, 2 batches ahead, a checkpoint every training; expected at least"
          + " 1 of each")
      let twice = TinyTraining(extraLayer: { try BatchNorm("norm1", 6) })
      #expect(
        message { _ = try twice.run() }
          == "two parameters of the network are called 'norm1.weight'")
    }

    // MARK: NaN

    /// Sets one element of a parameter to NaN.
    private func spoil(_ name: String) -> (Training) throws -> Void {
      { training in
        let parameter = try #require(
          training.layers.flatMap(\.parameters).first { $0.name == name })
        var values = try parameter.values()
        values[0] = .nan
        try parameter.set(values)
      }
    }

    @Test(
      "NaN in the forward pass stops it and names step and layer",
      arguments: [
        ("conv1.weight", "conv1"), ("conv2.weight", "conv2"),
        ("fc.bias", "fc"),
      ])
    func notFinite(parameter: String, layer: String) throws {
      var training = TinyTraining()
      training.options.checkpoint = path
      training.prepare = spoil(parameter)
      let text = try #require(message { _ = try training.run() })
      #expect(
        text.hasPrefix("step 0: the result of layer '\(layer)' is NaN or infinite"), "\(text)")
      #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("NaN that a ReLU hides is found before it gets into a checkpoint")
    func hidden() throws {
      var training = TinyTraining()
      training.options.checkpoint = path
      training.options.checkpointEvery = 4
      training.prepare = spoil("norm1.bias")
      let text = try #require(message { _ = try training.run() })
      #expect(text.hasPrefix("step 3: 'norm1.bias' is NaN or infinite"), "\(text)")
      #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("a rate that is too high ends in an error that names a step and a layer")
    func diverging() throws {
      let training = TinyTraining(rate: 1e30)
      let text = try #require(message { _ = try training.run() })
      #expect(
        text.contains(
          #/^step [1-9]\d*: the (result of layer|gradient of) '(conv|norm|fc)[^']*' is/#),
        "\(text)")
    }

    @Test("NaN in the backward pass alone names step and parameter")
    func badGradient() throws {
      let training = TinyTraining(change: { gradient in
        // Each is finite, and their sum over the rows is not.
        for row in 0..<6 { gradient[2 * row] = 3e38 }
      })
      let text = try #require(message { _ = try training.run() })
      #expect(text.hasPrefix("step 0: the gradient of 'fc.bias' is NaN or infinite"), "\(text)")
    }

    @Test("NaN in a batch names the step")
    func badBatch() throws {
      var training = TinyTraining()
      training.source.change = { step, batch in if step == 7 { batch.values[5] = .nan } }
      #expect(
        message { _ = try training.run() }
          == "step 7: a value of the batch is NaN or infinite; lower the learning rate or clip"
          + " gradients")
    }
  }
}
