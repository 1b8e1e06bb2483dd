/** What each fault that can end a batch says: what happened and what to do about it, for the person who sent the file. */
import type { Texts } from '../language.ts';

export const BATCH_FAULT_TEXTS = {
  // The input cannot be taken in.
  INPUT_MISSING: {
    en: 'the input does not exist; check the path',
    'pt-BR': 'a entrada não existe; confira o caminho',
  },
  INPUT_IS_DIRECTORY: {
    en: 'the input is a directory; name one file',
    'pt-BR': 'a entrada é uma pasta; indique um arquivo',
  },
  INPUT_NOT_A_FILE: {
    en: 'the input is not a regular file',
    'pt-BR': 'a entrada não é um arquivo comum',
  },
  INPUT_UNREADABLE: {
    en: 'the input cannot be read; check its permissions',
    'pt-BR': 'a entrada não pode ser lida; confira as permissões',
  },
  INPUT_CHANGED: {
    en: 'the input changed while it was copied; send it again once it is complete',
    'pt-BR': 'a entrada mudou enquanto era copiada; envie-a de novo quando estiver completa',
  },
  CLIENT_UNKNOWN: {
    en: 'the client is not registered; add it with `remessa clients add`',
    'pt-BR': 'o cliente não está cadastrado; cadastre-o com `remessa clients add`',
  },
  PROFILE_UNKNOWN: {
    en: 'there is no such profile; add it with `remessa profile add`',
    'pt-BR': 'não há um perfil com esse nome; cadastre-o com `remessa profile add`',
  },
  PROFILE_INVALID: {
    en: 'the document is not that of a profile',
    'pt-BR': 'o documento não é o de um perfil',
  },
  RULES_STALE: {
    en: 'the rules service gave no usable answer; the last good version of the profile was used',
    'pt-BR': 'o serviço de regras não deu resposta utilizável; foi usada a última versão boa do perfil',
  },
  RULES_AWAITED: {
    en: 'the rules service gave no usable answer and no earlier version is known; the batch waits for it',
    'pt-BR': 'o serviço de regras não deu resposta utilizável e não há versão anterior; o lote espera por ele',
  },
  RULES_UNAVAILABLE: {
    en: 'the rules service gave no usable answer for as long as a batch may wait, and no earlier version is known; mend the service and send the file again',
    'pt-BR':
      'o serviço de regras não deu resposta utilizável no tempo que um lote pode esperar, e não há versão anterior; conserte o serviço e envie o arquivo de novo',
  },
  CLIENT_ERASED: {
    en: 'everything of the client was erased; nothing of it is taken in',
    'pt-BR': 'tudo do cliente foi eliminado; nada dele é recebido',
  },

  // The file as a whole cannot be read.
  FILE_EMPTY: {
    en: 'the file has no bytes; send it again with its header',
    'pt-BR': 'o arquivo está vazio; envie-o de novo com o cabeçalho',
  },
  FILE_TOO_LARGE: {
    en: 'the file is larger than the configured limit',
    'pt-BR': 'o arquivo é maior que o limite configurado',
  },
  FILE_UTF16: {
    en: 'the file is UTF-16; save it as UTF-8',
    'pt-BR': 'o arquivo está em UTF-16; salve-o em UTF-8',
  },
  FILE_BINARY: {
    en: 'the file is not text; send it as text, in UTF-8 or as its profile has it',
    'pt-BR': 'o arquivo não é texto; envie-o como texto, em UTF-8 ou como define o seu perfil',
  },
  FILE_ARCHIVE: {
    en: 'the file is an archive or document, not text; send it as it is or in gzip',
    'pt-BR': 'o arquivo é um compactado ou um documento, não texto; envie-o puro ou em gzip',
  },
  GZIP_CORRUPT: {
    en: 'the gzip data is corrupt; compress and send the file again',
    'pt-BR': 'os dados gzip estão corrompidos; compacte e envie o arquivo de novo',
  },
  GZIP_TRUNCATED: {
    en: 'the gzip data ends too early; send the whole file again',
    'pt-BR': 'os dados gzip terminam antes do fim; envie o arquivo inteiro de novo',
  },
  GZIP_TRAILING: {
    en: 'bytes follow the end of the gzip data; send the file again without them',
    'pt-BR': 'há bytes depois do fim dos dados gzip; envie o arquivo de novo sem eles',
  },
  GZIP_NESTED: {
    en: 'the file is compressed twice; compress it once',
    'pt-BR': 'o arquivo foi compactado duas vezes; compacte-o uma só vez',
  },
  GZIP_BOMB: {
    en: 'the gzip data inflates past the configured limits',
    'pt-BR': 'os dados gzip, descompactados, passam dos limites configurados',
  },
  HEADER_MISSING: { en: 'the file has no header line', 'pt-BR': 'o arquivo não tem linha de cabeçalho' },
  HEADER_INVALID: {
    en: 'the header line cannot be read as CSV in UTF-8',
    'pt-BR': 'a linha de cabeçalho não pode ser lida como CSV em UTF-8',
  },
  HEADER_TOO_LONG: {
    en: 'the header line is longer than the record limit',
    'pt-BR': 'a linha de cabeçalho é maior que o limite de um registro',
  },
  COLUMN_MISSING: {
    en: 'the header lacks a required column',
    'pt-BR': 'falta no cabeçalho uma coluna obrigatória',
  },
  COLUMN_UNKNOWN: {
    en: 'the header names a column that is not known',
    'pt-BR': 'o cabeçalho tem uma coluna que não é conhecida',
  },
  COLUMN_REPEATED: {
    en: 'the header names a column twice',
    'pt-BR': 'o cabeçalho repete uma coluna',
  },
  QUOTE_UNCLOSED: {
    en: 'a quoted field is never closed',
    'pt-BR': 'um campo entre aspas nunca é fechado',
  },
  RECORD_TOO_LONG: {
    en: 'a record is longer than the record limit',
    'pt-BR': 'um registro é maior que o limite de um registro',
  },
  CNAB_HEADER: {
    en: 'a header or trailer of the CNAB file is not as the format has it; check the layout, and the profile',
    'pt-BR': 'um header ou trailer do arquivo CNAB não é como o formato define; confira o leiaute, e o perfil',
  },
  CNAB_ORDER: {
    en: 'a line of the CNAB file stands where the format has none such; check headers, lots and trailers',
    'pt-BR': 'uma linha do arquivo CNAB está onde o formato não a tem; confira headers, lotes e trailers',
  },
  CNAB_COUNT: {
    en: 'a trailer of the CNAB file counts other than what stands in the file; send the whole file again',
    'pt-BR': 'um trailer do arquivo CNAB não conta o que está no arquivo; envie o arquivo inteiro de novo',
  },
  CNAB_SEQUENCE: {
    en: 'the lines of the CNAB file are not numbered one after another; send the whole file again',
    'pt-BR': 'as linhas do arquivo CNAB não estão numeradas em sequência; envie o arquivo inteiro de novo',
  },
  CNAB_TRUNCATED: {
    en: 'the CNAB file ends without its trailer; send the whole file again',
    'pt-BR': 'o arquivo CNAB termina sem o trailer; envie o arquivo inteiro de novo',
  },
  TOO_MANY_RECORDS: {
    en: 'the file holds more records than one batch may',
    'pt-BR': 'o arquivo tem mais registros do que um lote pode ter',
  },

  // The object changed or went away under the work.
  OBJECT_VANISHED: {
    en: 'the stored file is gone; send it again',
    'pt-BR': 'o arquivo recebido não existe mais; envie-o de novo',
  },
  OBJECT_CHANGED: {
    en: 'the stored file changed after it was accepted; send it again once it is complete',
    'pt-BR': 'o arquivo mudou depois de aceito; envie-o de novo quando estiver completo',
  },
  RANGE_CORRUPT: {
    en: 'the bytes of a range differ from those scanned',
    'pt-BR': 'os bytes de uma faixa diferem dos que foram examinados',
  },
  RECORDS_DISAGREE: {
    en: 'a range gave another number of records than the scan counted',
    'pt-BR': 'uma faixa deu um número de registros diferente do contado no exame',
  },
  EQUATIONS_FAIL: {
    en: 'the results of the ranges do not add up to the scan',
    'pt-BR': 'os resultados das faixas não somam o que o exame contou',
  },
  STAGED_PAGES_SHORT: {
    en: 'a shard has fewer staged records than the results say',
    'pt-BR': 'uma partição tem menos registros guardados do que os resultados dizem',
  },
  TURN_SUPERSEDED: {
    en: 'a debt already carries a later turn; this work is out of date and stops',
    'pt-BR': 'uma dívida já traz uma vez posterior; este trabalho está desatualizado e para',
  },
  OUTCOMES_DISAGREE: {
    en: 'the outcomes do not add up to the records',
    'pt-BR': 'os resultados não somam os registros',
  },

  // The engine and its stores.
  STORE_FULL: {
    en: 'no space is left for the data folder; free some and resume',
    'pt-BR': 'não há mais espaço para a pasta de dados; libere espaço e retome',
  },
  STORE_IO: {
    en: 'the store failed to read or write; check the disk',
    'pt-BR': 'o armazenamento falhou ao ler ou gravar; verifique o disco',
  },
  STORE_CORRUPT: {
    en: 'the store holds data that cannot be decoded',
    'pt-BR': 'o armazenamento tem dados que não podem ser decodificados',
  },
  STORE_BUSY: {
    en: 'the store is locked by another writer',
    'pt-BR': 'o armazenamento está bloqueado por outro processo',
  },
  SERVICE_IO: {
    en: 'a service did not answer as asked; work is tried again, check the endpoint, the region and its limits',
    'pt-BR': 'um serviço não respondeu como pedido; o trabalho é repetido, confira o endereço, a região e os limites',
  },
  SERVICE_DENIED: {
    en: 'a service refused the credentials or the permission; mend them, work is tried again meanwhile',
    'pt-BR': 'um serviço recusou as credenciais ou a permissão; corrija-as, enquanto isso o trabalho é repetido',
  },
  LEASE_LOST: {
    en: 'the lease on a message ran out; another worker has it',
    'pt-BR': 'o prazo de uma mensagem acabou; outro processo ficou com ela',
  },
  CODE_UNKNOWN: {
    en: 'there is no such module; put it into the folder that REMESSA_CODE_DIR names, and send the file again',
    'pt-BR': 'não há esse módulo; coloque-o na pasta indicada por REMESSA_CODE_DIR e envie o arquivo de novo',
  },
  CODE_INVALID: {
    en: 'the module cannot be used as it is; mend it, and send the file again',
    'pt-BR': 'o módulo não pode ser usado como está; conserte-o e envie o arquivo de novo',
  },
  CODE_CHANGED: {
    en: 'the module is another version than when the batch was picked; put that one back, or send the file again',
    'pt-BR':
      'o módulo está em outra versão que a de quando o lote foi distribuído; reponha aquela ou envie o arquivo de novo',
  },
  CODE_ENDLESS: {
    en: 'the module took longer over one record than it may; it was ended with its thread',
    'pt-BR': 'o módulo demorou em um registro mais do que pode; foi encerrado com a sua linha de execução',
  },
  CODE_CRASHED: {
    en: 'a worker thread ended while it worked with a module',
    'pt-BR': 'uma linha de execução terminou enquanto trabalhava com um módulo',
  },
  CODE_FAILS: {
    en: 'the module failed at more records than it may; mend it, and send the file again',
    'pt-BR': 'o módulo falhou em mais registros do que pode; conserte-o e envie o arquivo de novo',
  },
  WORKER_DIED: {
    en: 'a worker thread ended in the middle of a task',
    'pt-BR': 'uma linha de execução terminou no meio de uma tarefa',
  },
  FOLDER_LOCKED: {
    en: 'another engine keeps this data folder; stop it or use another folder',
    'pt-BR': 'outro processo está usando esta pasta de dados; encerre-o ou use outra pasta',
  },
  WORK_POISONED: {
    en: 'the same work failed too many times',
    'pt-BR': 'o mesmo trabalho falhou vezes demais',
  },
  CANCELLED: {
    en: 'the batch was cancelled before registering',
    'pt-BR': 'o lote foi cancelado antes do registro',
  },
  DISCARDED: {
    en: 'the file was looked at and not approved; nothing of it was registered',
    'pt-BR': 'o arquivo foi examinado e não aprovado; nada dele foi registrado',
  },
  APPROVAL_EXPIRED: {
    en: 'nobody approved the file in time; nothing of it was registered, send it again',
    'pt-BR': 'ninguém aprovou o arquivo a tempo; nada dele foi registrado, envie-o de novo',
  },
  BATCH_TOO_OLD: {
    en: 'the batch was on its way for longer than its data are kept; nothing was registered, send the file again',
    'pt-BR':
      'o lote ficou a caminho por mais tempo do que seus dados são guardados; nada foi registrado, envie o arquivo de novo',
  },
} as const satisfies Record<string, Texts>;
