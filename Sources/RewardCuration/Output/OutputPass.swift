import RewardModel
import RewardSelection

/// What is written.
package enum OutputFormat: String, Sendable, CaseIterable {
    /// `imagefolder/train/metadata.jsonl` and images.
    case imagefolder
    /// `webdataset/00000.tar`…
    case webdataset
    /// `dpo/train/00000.parquet`.
    case dpo
    /// `selected.jsonl`: the kept lines as they came, with scores; paths stay relative to the list's folder.
    case list
}

/// Writes the kept candidates in the list's order, and the others if asked.
struct OutputPass {
    var list: CandidateList
    var result: SelectionResult
    var formats: Set<OutputFormat>
    var link: ImageLink
    var scoreMask: UInt8
    /// The output's folder.
    var folder: String
    var threads: Int

    func run() throws {
        let images = ImageFiles(folder: list.folder)
        let kept = try SampleOutput(self, folder: folder)
        let pairs = formats.contains(.dpo) ? try PreferencePairWriter(path: "\(folder)/dpo") : nil
        var random: SampleOutput?
        if result.tally.random > 0 {
            try Folders.make("\(folder)/random-control")
            random = try SampleOutput(self, folder: "\(folder)/random-control")
        }
        if formats.contains(.list) {
            let lines = SelectedLines(list: list, picks: result.picks, threads: threads)
            try lines.write(to: "\(folder)/selected.jsonl") { $0.kept }
            if random != nil {
                try lines.write(to: "\(folder)/random-control/selected.jsonl") { $0.random.line > 0 ? $0.random : nil }
            }
            // Nothing else wants the kept ones one by one.
            if formats == [.list] { return try finishRejects() }
        }
        for part in 0..<PartitionedRecords<PickRecord>.parts {
            for pick in try PickRecord.inOrder(result.picks.load(part)) {
                try kept.add(pick.kept, images)
                if let pairs, pick.loser.line > 0 {
                    try pairs.add(winner: sample(pick.kept, images), loser: sample(pick.loser, images))
                }
                if pick.random.line > 0 { try random?.add(pick.random, images) }
            }
        }
        try kept.finish()
        try random?.finish()
        try pairs?.finish()
        try finishRejects()
    }

    private func finishRejects() throws {
        if let rejects = result.rejects { try write(rejects) }
    }

    private func sample(_ record: CandidateRecord, _ images: ImageFiles) throws(Failure) -> KeptSample {
        var line = try list.line(at: record.offset)
        line.scores = record.scoreVector
        return KeptSample(line: line, value: record.value, images: images, scoreMask: scoreMask)
    }

    private func write(_ rejects: PartitionedRecords<CandidateRecord>) throws {
        let writer = try FileWriter(path: "\(folder)/rejected.jsonl")
        for part in 0..<PartitionedRecords<CandidateRecord>.parts {
            for record in try rejects.load(part).sorted(by: { $0.line < $1.line }) {
                let line = try list.line(at: record.offset)
                var row = JSONRow()
                row.add("line", record.line)
                row.add("prompt", line.prompt)
                row.add("image", line.image)
                row.add("reason", record.drop?.rawValue ?? "")
                if !record.value.isNaN { row.add("score", record.value) }
                try writer.append(row.line)
            }
        }
        try writer.flush()
    }

    /// The formats that take one candidate after another.
    private struct SampleOutput {
        let pass: OutputPass
        var writers: [any DataSetWriter] = []

        init(_ pass: OutputPass, folder: String) throws {
            self.pass = pass
            if pass.formats.contains(.imagefolder) {
                writers.append(try ImageFolderWriter(path: "\(folder)/imagefolder", link: pass.link))
            }
            if pass.formats.contains(.webdataset) {
                writers.append(try WebDatasetWriter(path: "\(folder)/webdataset"))
            }
        }

        func add(_ record: CandidateRecord, _ images: ImageFiles) throws {
            guard !writers.isEmpty else { return }
            let sample = try pass.sample(record, images)
            for writer in writers { try writer.add(sample) }
        }

        func finish() throws {
            for writer in writers { try writer.finish() }
        }
    }
}
