/// A kept candidate and who goes with it.
struct PickRecord: BitwiseCopyable, Sendable {
    var kept: CandidateRecord
    /// The loser of its pair; line 0 stands for none.
    var loser: CandidateRecord
    /// Its counterpart in the random control; line 0 stands for none.
    var random: CandidateRecord
    /// Its place among its prompt's kept, from 0.
    var rank: Int

    init(kept: CandidateRecord, loser: CandidateRecord?, random: CandidateRecord?, rank: Int) {
        var none = kept
        none.line = 0
        self.kept = kept
        self.loser = loser ?? none
        self.random = random ?? none
        self.rank = rank
    }

    /// A part's picks in the list's order.
    static func inOrder(_ picks: [PickRecord]) -> [PickRecord] {
        // Numbers move when sorting, not records.
        let order = picks.indices.map { (line: picks[$0].kept.line, index: $0) }.sorted { $0.line < $1.line }
        return order.map { picks[$0.index] }
    }
}
