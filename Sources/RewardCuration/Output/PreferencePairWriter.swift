import RewardModel

/// Pairs as diffusers' `train_diffusion_dpo.py` reads them: Parquet with `jpg_0` and `jpg_1` (an image file's bytes;
/// `jpg_0` is the winner), `label_0` (1: `jpg_0` is preferred), `caption`, and both rank values and sources.
final class PreferencePairWriter {
    private let table: ParquetWriter

    init(path: String) throws(Failure) {
        try Folders.make(path)
        try Folders.make("\(path)/train")
        table = try ParquetWriter(
            path: "\(path)/train/00000.parquet",
            columns: [
                ("jpg_0", .bytes), ("jpg_1", .bytes), ("label_0", .int64), ("caption", .string), ("score_0", .double),
                ("score_1", .double), ("source_0", .string), ("source_1", .string),
            ])
    }

    func add(winner: KeptSample, loser: KeptSample) throws {
        try table.add([
            .bytes(try winner.bytes()), .bytes(try loser.bytes()), .int64(1), .bytes(Array(winner.line.prompt.utf8)),
            .double(winner.value), .double(loser.value), .bytes(Array(winner.line.image.utf8)),
            .bytes(Array(loser.line.image.utf8)),
        ])
    }

    func finish() throws {
        try table.finish()
    }
}
