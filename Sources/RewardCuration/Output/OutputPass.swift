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

    func run() throws {
        let images = ImageFiles(folder: list.folder)
        var kept = try SampleOutput(self, folder: folder)
        let pairs = formats.contains(.dpo) ? try PreferencePairWriter(path: "\(folder)/dpo") : nil
        var random: SampleOutput?
        if result.tally.random > 0 {
            try Folders.make("\(folder)/random-control")
            random = try SampleOutput(self, folder: "\(folder)/random-control")
        }
        for part in 0..<PartitionedRecords<PickRecord>.parts {
            let picks = try result.picks.load(part)
            // Numbers move when sorting, not records.
            let order = picks.indices.map { (line: picks[$0].kept.line, index: $0) }.sorted { $0.line < $1.line }
            for (_, index) in order {
                let pick = picks[index]
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
        var window: CandidateList.Window
        var writers: [any DataSetWriter] = []
        var lines: FileWriter?

        init(_ pass: OutputPass, folder: String) throws {
            self.pass = pass
            window = CandidateList.Window(pass.list)
            if pass.formats.contains(.imagefolder) {
                writers.append(try ImageFolderWriter(path: "\(folder)/imagefolder", link: pass.link))
            }
            if pass.formats.contains(.webdataset) {
                writers.append(try WebDatasetWriter(path: "\(folder)/webdataset"))
            }
            if pass.formats.contains(.list) { lines = try FileWriter(path: "\(folder)/selected.jsonl") }
        }

        mutating func add(_ record: CandidateRecord, _ images: ImageFiles) throws {
            if !writers.isEmpty {
                let sample = try pass.sample(record, images)
                for writer in writers { try writer.add(sample) }
            }
            guard let lines else { return }
            if record.state.isModelScored {
                var line = try pass.list.line(at: record.offset)
                line.scores = record.scoreVector
                try lines.append(line.json)
            } else {
                try window.withLine(at: record.offset) { (line) throws(Failure) in try lines.append(line) }
                try lines.append("\n")
            }
        }

        func finish() throws {
            for writer in writers { try writer.finish() }
            try lines?.flush()
        }
    }
}
