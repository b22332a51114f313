/// A part's records, group by group.
struct GroupedRecords {
    private let records: [CandidateRecord]
    private let order: [UInt32]
    /// Places of each group's members in the order by group.
    let ranges: [Range<Int>]

    init(_ records: [CandidateRecord]) {
        self.records = records
        // Sixteen bytes move when sorting, not ninety-six.
        var keys = records.enumerated().map { Key(group: $1.group.0, index: UInt32($0)) }
        keys.sort { one, other in
            if one.group != other.group { return one.group < other.group }
            return records[Int(one.index)].group.1 < records[Int(other.index)].group.1
        }
        order = keys.map(\.index)
        var ranges: [Range<Int>] = []
        var start = 0
        for place in order.indices {
            let next = place + 1
            if next == order.count || records[Int(order[next])].group != records[Int(order[place])].group {
                ranges.append(start..<next)
                start = next
            }
        }
        self.ranges = ranges
    }

    private struct Key {
        var group: UInt64
        var index: UInt32
    }

    func members(_ range: Range<Int>) -> [CandidateRecord] {
        range.map { records[Int(order[$0])] }
    }
}
