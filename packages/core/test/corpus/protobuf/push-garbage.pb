this is not protobuf at all
