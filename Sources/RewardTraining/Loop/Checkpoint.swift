import FoundationEssentials
import Glibc
import RewardModel

/// What a run must know to go on as if it had never stopped, beside the tensors.
package struct RunState: Codable, Equatable {
    /// Layout of the checkpoint.
    package var version = 1
    /// Steps taken, over all stages.
    package var step = 0
    /// Seconds spent so far.
    package var seconds = 0.0
    /// Steps by weight.
    package var parameterSteps: [String: Int] = [:]
    /// What the run was started with.
    package var origin: Origin

    package struct Origin: Codable, Equatable {
        /// `train.json` with all defaults.
        var config: String
        /// The start model's digest.
        var model: String
        /// Of the data sets' records.
        var data: String

        /// What differs from another origin, in words; nil when nothing does.
        func difference(from other: Origin) -> String? {
            if model != other.model { return "it started from another model" }
            if data != other.data { return "it learns from other data" }
            return config == other.config ? nil : "its configuration differs"
        }
    }
}

/// Checkpoints of a run: folders `step-…`, each complete or not there at all.
package struct CheckpointStore {
    package let folder: String
    /// Newest checkpoints that are kept.
    private static let kept = 2

    package init(folder: String) {
        self.folder = folder
    }

    package func path(_ step: Int) -> String {
        let digits = String(step)
        return "\(folder)/step-\(String(repeating: "0", count: max(8 - digits.count, 0)))\(digits)"
    }

    /// Steps of the checkpoints that are there, in order.
    package var steps: [Int] {
        ((try? Folders.names(folder)) ?? []).compactMap { name in
            name.hasPrefix("step-") && !name.hasSuffix(".partial") ? Int(name.dropFirst(5)) : nil
        }.sorted()
    }

    /// Writes under a temporary name, then renames; older checkpoints go afterwards.
    package func write(_ state: RunState, _ optimizer: AdamW) throws(TrainingError) {
        try makeFolder(folder)
        let (final, temporary) = (path(state.step), "\(path(state.step)).partial")
        removeFolder(temporary)
        try makeFolder(temporary)
        let parts: [(String, KeyPath<AdamW.Slot, UnsafeMutablePointer<Float>>)] = [
            ("weights", \.values), ("mean", \.mean), ("square", \.square), ("average", \.average),
        ]
        var blocks: [String: UnsafeBufferPointer<Float>] = [:]
        var entries: [SafetensorsWriter.Entry] = []
        for slot in optimizer.slots where slot.steps > 0 {
            for (part, key) in parts {
                let name = "\(part)/\(slot.name)"
                blocks[name] = UnsafeBufferPointer(start: slot[keyPath: key], count: slot.count)
                entries.append(.init(name: name, shape: [slot.count]))
            }
        }
        do {
            try SafetensorsWriter.write(entries, to: "\(temporary)/state.safetensors") { entry in
                blocks[entry.name].map(Array.init) ?? []
            }
        } catch { throw .weights(error) }
        try writeFile(try Self.encode(state), to: "\(temporary)/state.json")
        removeFolder(final)
        guard rename(temporary, final) == 0 else { throw systemError(final) }
        for old in steps.dropLast(Self.kept) { removeFolder(path(old)) }
    }

    /// Reads the newest checkpoint into the optimizer. Nil when there is none.
    ///
    /// - Throws: `otherRun` when the folder's run began otherwise, `malformedCheckpoint` when it cannot be used.
    package func read(into optimizer: AdamW, origin: RunState.Origin) throws(TrainingError) -> RunState? {
        guard let step = steps.last else { return nil }
        let path = path(step)
        let bytes = try readFile("\(path)/state.json")
        let state: RunState
        do { state = try JSONDecoder().decode(RunState.self, from: Data(bytes)) } catch {
            throw .malformedCheckpoint(path: path, reason: "state.json cannot be read")
        }
        if let difference = origin.difference(from: state.origin) {
            throw .otherRun(path: folder, reason: difference)
        }
        let file: SafetensorsFile
        do { file = try SafetensorsFile(path: "\(path)/state.safetensors") } catch {
            throw .malformedCheckpoint(path: path, reason: error.description)
        }
        guard file.hasStoredHash else {
            throw .malformedCheckpoint(path: path, reason: "the tensors do not have the hash stored with them")
        }
        for (index, slot) in optimizer.slots.enumerated() {
            let steps = state.parameterSteps[slot.name] ?? 0
            optimizer.setSteps(steps, of: index)
            guard steps > 0 else { continue }
            for (part, target) in [
                ("weights", slot.values), ("mean", slot.mean), ("square", slot.square), ("average", slot.average),
            ] {
                guard let bytes = file.bytes(of: "\(part)/\(slot.name)"), bytes.count == slot.count * 4,
                    let base = bytes.baseAddress
                else { throw .malformedCheckpoint(path: path, reason: "\(part)/\(slot.name) is missing") }
                UnsafeMutableRawPointer(target).copyMemory(from: base, byteCount: bytes.count)
            }
        }
        return state
    }

    private static func encode(_ state: RunState) throws(TrainingError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        do { return Array(try encoder.encode(state)) } catch {
            throw .file(Failure(.fileError, "state.json: \(error)"))
        }
    }
}
